# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_connectctl_global_optspecs
    string join \n color= show-secrets timeout= v/verbose h/help V/version
end

function __fish_connectctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_connectctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_connectctl_using_subcommand
    set -l cmd (__fish_connectctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c connectctl -n "__fish_connectctl_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_needs_command" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_needs_command" -l show-secrets -d 'Show the values of settings that hold credentials'
complete -c connectctl -n "__fish_connectctl_needs_command" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_needs_command" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "completions" -d 'Print a shell completion script'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "man" -d 'Print the manual page of a command, or write all pages into a folder'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -l show-secrets -d 'Show the values of settings that hold credentials'
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -l out -d 'Write every page into this folder, as `connectctl-topics-create.1`' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -l show-secrets -d 'Show the values of settings that hold credentials'
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions man help" -f -a "completions" -d 'Print a shell completion script'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions man help" -f -a "man" -d 'Print the manual page of a command, or write all pages into a folder'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
