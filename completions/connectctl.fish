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
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "config" -d 'Show what Connect reads from configuration files'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "man" -d 'Print the manual page of a command, or write all pages into a folder'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "offsets" -d 'Show, move and compare the positions of source connectors'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -l show-secrets -d 'Show the values of settings that hold credentials'
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and not __fish_seen_subcommand_from show help" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and not __fish_seen_subcommand_from show help" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and not __fish_seen_subcommand_from show help" -l show-secrets -d 'Show the values of settings that hold credentials'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and not __fish_seen_subcommand_from show help" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and not __fish_seen_subcommand_from show help" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Show what Connect reads from a worker or connector file, key by key'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format' -r -f -a "table\t''
wide\t''
json\t''
yaml\t''
name\t''
properties\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and __fish_seen_subcommand_from show" -l as -d 'What the file is for [default: what its settings say]' -r -f -a "worker\t''
connector\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and __fish_seen_subcommand_from show" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and __fish_seen_subcommand_from show" -l show-secrets -d 'Show the values of settings that hold credentials'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show what Connect reads from a worker or connector file, key by key'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -l out -d 'Write every page into this folder, as `connectctl-topics-create.1`' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -l show-secrets -d 'Show the values of settings that hold credentials'
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show help" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show help" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show help" -l show-secrets -d 'Show the values of settings that hold credentials'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show help" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show help" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Show the positions of source connectors'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l partitions -d 'Also show in which of N partitions of an offset topic each key lies' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l connector -d 'Only offsets of this connector; repeat it for more' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format' -r -f -a "table\t''
wide\t''
json\t''
yaml\t''
name\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l show-secrets -d 'Show the values of settings that hold credentials'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the positions of source connectors'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man offsets help" -f -a "completions" -d 'Print a shell completion script'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man offsets help" -f -a "config" -d 'Show what Connect reads from configuration files'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man offsets help" -f -a "man" -d 'Print the manual page of a command, or write all pages into a folder'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man offsets help" -f -a "offsets" -d 'Show, move and compare the positions of source connectors'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man offsets help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Show what Connect reads from a worker or connector file, key by key'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from offsets" -f -a "show" -d 'Show the positions of source connectors'
