# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_connectctl_global_optspecs
    string join \n color= timeout= v/verbose h/help V/version
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
complete -c connectctl -n "__fish_connectctl_needs_command" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_needs_command" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "completions" -d 'Print a shell completion script'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "config" -d 'Show what Connect reads from configuration files'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "man" -d 'Print the manual page of a command, or write all pages into a folder'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "capture" -d 'Save what a running standalone worker knows: connectors, configurations, states, offsets'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "doctor" -d 'Tell whether this principal, from here, can be a Connect worker'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "migrate" -d 'Move a standalone deployment to distributed mode, with the position of every connector'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "offsets" -d 'Show, move and compare the positions of source connectors'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "run" -d 'Run a distributed worker in the foreground, without a JVM'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "topics" -d 'Create, check and mend the three storage topics of distributed workers'
complete -c connectctl -n "__fish_connectctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand completions" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and not __fish_seen_subcommand_from show help" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand config; and not __fish_seen_subcommand_from show help" -l timeout -d 'Deadline of every wait for the network' -r
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
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand man" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -l source-url -d 'REST URL of the running standalone worker' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -l out -d 'Folder to save to' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -l offsets -d 'The worker\'s offsets file, where it can be reached: its bytes are exact, those from REST may not be knowable' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -s o -l output -d 'Format of the report on stdout' -r -f -a "text\t''
json\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -l user -d 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -l cacert -d 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -l cert -d 'Client certificate in PEM, where workers ask for one; the file may hold the key too' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -l key -d 'Private key of --cert, PEM in PKCS#8' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -l stop -d 'Stop the connectors first (Kafka 3.5 and later), so that their positions are final'
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -s y -l yes -d 'Do not ask before connectors are stopped'
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -l dry-run -d 'Read and check everything, stop nothing and write nothing'
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand capture" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand doctor" -l worker-config -d 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand doctor" -l bootstrap-server -d 'Kafka brokers, as in Kafka\'s own tools; instead of those of the file' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand doctor" -l command-config -d 'Client settings (security), as in Kafka\'s own tools; instead of the worker\'s own, for another principal' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand doctor" -s o -l output -d 'Output format' -r -f -a "text\t''
json\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand doctor" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand doctor" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand doctor" -l no-write -d 'Write no probe records'
complete -c connectctl -n "__fish_connectctl_using_subcommand doctor" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l out -d 'Output folder' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -s o -l output -d 'Format of the report on stdout' -r -f -a "text\t''
json\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l accept -d 'Accept a blocking finding by its id, or ID:NAME for one connector' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l verify -d 'How the result is verified beyond reading it back' -r -f -a "none\t'What was written is read back; no embedded worker'
control\t'An embedded worker joins the Connect group, registers the connectors as STOPPED, checks what a worker finds, leaves, and gives them their state; it runs no connector, and it joins only a group that nobody is in'
run\t'As control, and afterwards a worker in this process RUNS the connectors for a moment and moves data: FileStreamSource and FileStreamSink only, and only on the host of the deployment, which --accept P32 says'"
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l source-url -d 'REST URL of the running standalone worker: its connectors, configurations, states and offsets' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l offsets -d 'Offsets file, instead of the one that the worker file names' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l rename -d 'Give a connector another name; its offsets or its consumer group follow' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l group-id -d 'group.id; the connector\'s name when there is one connector' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l config-topic -d 'config.storage.topic; _<group>.config' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l offset-topic -d 'offset.storage.topic; _<group>.offset' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l status-topic -d 'status.storage.topic; _<group>.status' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l replication-factor -d 'Replicas of the storage topics: auto is min(3, brokers), -1 the broker\'s default' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l set -d 'Set a key of the distributed worker file' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l initial-state -d 'State of the connectors once everything is verified' -r -f -a "running\t''
paused\t''
stopped\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l url -d 'Register on the running Connect cluster at this URL; repeat it for more workers of the same cluster' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l user -d 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l cacert -d 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l cert -d 'Client certificate in PEM, where workers ask for one; the file may hold the key too' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l key -d 'Private key of --cert, PEM in PKCS#8' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l dry-run -d 'Show the plan and write nothing; exit 3 when there is something to do'
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l offline -d 'Read and write files only; no cluster is asked'
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -s y -l yes -d 'Do not ask'
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l source-stopped -d 'Say that the standalone worker is stopped, where that cannot be seen from here'
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l no-offsets -d 'Give the positions of the source connectors up: they start from the beginning'
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l delete-old -d 'Delete what --rename leaves under the old name'
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l adopt -d 'Go on although the config topic or the Connect group is in use by others'
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -l overwrite-offsets -d 'Replace offsets that the offset topic has for a connector that is absent or stopped'
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand migrate" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show seed export diff where help" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show seed export diff where help" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show seed export diff where help" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show seed export diff where help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show seed export diff where help" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show seed export diff where help" -f -a "show" -d 'Show the positions of source connectors'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show seed export diff where help" -f -a "seed" -d 'Copy the positions of a standalone worker\'s file into the offset topic, byte for byte'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show seed export diff where help" -f -a "export" -d 'Write the positions of the offset topic to a file that a standalone worker can start from'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show seed export diff where help" -f -a "diff" -d 'Compare the positions of source connectors in two stores; exit code 3 when they differ'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show seed export diff where help" -f -a "where" -d 'Say which store holds the truth about a connector\'s position, and the position'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and not __fish_seen_subcommand_from show seed export diff where help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l url -d 'REST URL of a worker; repeat it for more workers of the same cluster' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l partitions -d 'Also show in which of N partitions of an offset topic each key of FILE would lie' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l connector -d 'Only offsets of this connector; repeat it for more' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format' -r -f -a "table\t''
wide\t''
json\t''
yaml\t''
name\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l worker-config -d 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l bootstrap-server -d 'Kafka brokers, as in Kafka\'s own tools; instead of those of the file' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l command-config -d 'Client settings (security), as in Kafka\'s own tools; instead of the worker\'s own, for another principal' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l user -d 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l cacert -d 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l cert -d 'Client certificate in PEM, where workers ask for one; the file may hold the key too' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l key -d 'Private key of --cert, PEM in PKCS#8' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -l connector -d 'Only this connector of the file; repeat it for more' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -l rename -d 'Give the positions of a connector to another name' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -l backup -d 'Where replaced offsets are saved' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -s o -l output -d 'Format of the report on stdout' -r -f -a "text\t''
json\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -l worker-config -d 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -l bootstrap-server -d 'Kafka brokers, as in Kafka\'s own tools; instead of those of the file' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -l command-config -d 'Client settings (security), as in Kafka\'s own tools; instead of the worker\'s own, for another principal' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -l overwrite-offsets -d 'Replace offsets that the topic has for a connector that is absent or stopped'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -l source-stopped -d 'Say that the standalone worker is stopped, where the age of the file does not show it'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -l dry-run -d 'Show what would be written and write nothing; exit code 3 when there is something to do'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -s y -l yes -d 'Do not ask'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from seed" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -l to -d 'File to write' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -l connector -d 'Only this connector; repeat it for more' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -l rename -d 'Write the positions of a connector under another name' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -l accept -d 'Accept a blocking finding by its id: P20, although a connector is at work; P11, of a key in two partitions the record where its next one goes; P42, of a connector whose own offset topic is not read, the copies in that of the workers; aborted-records, what an aborted transaction wrote' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -s o -l output -d 'Output format' -r -f -a "text\t''
json\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -l worker-config -d 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -l bootstrap-server -d 'Kafka brokers, as in Kafka\'s own tools; instead of those of the file' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -l command-config -d 'Client settings (security), as in Kafka\'s own tools; instead of the worker\'s own, for another principal' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -l dry-run -d 'Make the same checks and write nothing; exit code 3 when there is something to write'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from diff" -l connector -d 'Only offsets of this connector; repeat it for more' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from diff" -s o -l output -d 'Output format' -r -f -a "table\t''
wide\t''
json\t''
yaml\t''
name\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from diff" -l user -d 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from diff" -l cacert -d 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from diff" -l cert -d 'Client certificate in PEM, where workers ask for one; the file may hold the key too' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from diff" -l key -d 'Private key of --cert, PEM in PKCS#8' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from diff" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from diff" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from diff" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -l offsets -d 'Offsets file of a standalone worker' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -l url -d 'REST URL of a worker; repeat it for more workers of the same cluster' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -s o -l output -d 'Output format' -r -f -a "table\t''
wide\t''
json\t''
yaml\t''
name\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -l worker-config -d 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -l bootstrap-server -d 'Kafka brokers, as in Kafka\'s own tools; instead of those of the file' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -l command-config -d 'Client settings (security), as in Kafka\'s own tools; instead of the worker\'s own, for another principal' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -l user -d 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -l cacert -d 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -l cert -d 'Client certificate in PEM, where workers ask for one; the file may hold the key too' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -l key -d 'Private key of --cert, PEM in PKCS#8' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from where" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the positions of source connectors'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from help" -f -a "seed" -d 'Copy the positions of a standalone worker\'s file into the offset topic, byte for byte'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write the positions of the offset topic to a file that a standalone worker can start from'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Compare the positions of source connectors in two stores; exit code 3 when they differ'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from help" -f -a "where" -d 'Say which store holds the truth about a connector\'s position, and the position'
complete -c connectctl -n "__fish_connectctl_using_subcommand offsets; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand run" -l connectors -d 'Register the connectors of this folder\'s *.json and *.properties files that are missing' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand run" -l engine -d 'What runs the connectors' -r -f -a "native\t'This process, without a JVM'"
complete -c connectctl -n "__fish_connectctl_using_subcommand run" -l log-format -d 'How the log is written to stderr' -r -f -a "text\t''
json\t'One object a line'"
complete -c connectctl -n "__fish_connectctl_using_subcommand run" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand run" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand run" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand run" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and not __fish_seen_subcommand_from create check describe repair help" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and not __fish_seen_subcommand_from create check describe repair help" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and not __fish_seen_subcommand_from create check describe repair help" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and not __fish_seen_subcommand_from create check describe repair help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and not __fish_seen_subcommand_from create check describe repair help" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and not __fish_seen_subcommand_from create check describe repair help" -f -a "create" -d 'Create the storage topics that are missing, and say of each what it is'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and not __fish_seen_subcommand_from create check describe repair help" -f -a "check" -d 'Check that the storage topics exist and are right'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and not __fish_seen_subcommand_from create check describe repair help" -f -a "describe" -d 'Show the storage topics as they are'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and not __fish_seen_subcommand_from create check describe repair help" -f -a "repair" -d 'Mend the settings of storage topics that can be changed without harm'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and not __fish_seen_subcommand_from create check describe repair help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from create" -l worker-config -d 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from create" -l bootstrap-server -d 'Kafka brokers, as in Kafka\'s own tools; instead of those of the file' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from create" -l command-config -d 'Client settings (security), as in Kafka\'s own tools; instead of the worker\'s own, for another principal' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from create" -s o -l output -d 'Output format' -r -f -a "text\t''
json\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from create" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from create" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from create" -l dry-run -d 'Make the same checks and create nothing; exit code 3 when something is missing'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from create" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from create" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from check" -l worker-config -d 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from check" -l bootstrap-server -d 'Kafka brokers, as in Kafka\'s own tools; instead of those of the file' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from check" -l command-config -d 'Client settings (security), as in Kafka\'s own tools; instead of the worker\'s own, for another principal' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from check" -s o -l output -d 'Output format' -r -f -a "table\t''
wide\t''
json\t''
yaml\t''
name\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from check" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from check" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from describe" -l worker-config -d 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from describe" -l bootstrap-server -d 'Kafka brokers, as in Kafka\'s own tools; instead of those of the file' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from describe" -l command-config -d 'Client settings (security), as in Kafka\'s own tools; instead of the worker\'s own, for another principal' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from describe" -s o -l output -d 'Output format' -r -f -a "table\t''
wide\t''
json\t''
yaml\t''
name\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from describe" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from describe" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from describe" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from describe" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from repair" -l worker-config -d 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from repair" -l bootstrap-server -d 'Kafka brokers, as in Kafka\'s own tools; instead of those of the file' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from repair" -l command-config -d 'Client settings (security), as in Kafka\'s own tools; instead of the worker\'s own, for another principal' -r -F
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from repair" -s o -l output -d 'Output format' -r -f -a "text\t''
json\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from repair" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from repair" -l timeout -d 'Deadline of every wait for the network' -r
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from repair" -l dry-run -d 'Show what would be changed; exit code 3 when there is anything'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from repair" -s y -l yes -d 'Do not ask'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from repair" -s v -l verbose -d 'Log what is done to stderr; twice for the protocol'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from repair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from repair" -s V -l version -d 'Print version'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from help" -f -a "create" -d 'Create the storage topics that are missing, and say of each what it is'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check that the storage topics exist and are right'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from help" -f -a "describe" -d 'Show the storage topics as they are'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from help" -f -a "repair" -d 'Mend the settings of storage topics that can be changed without harm'
complete -c connectctl -n "__fish_connectctl_using_subcommand topics; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man capture doctor migrate offsets run topics help" -f -a "completions" -d 'Print a shell completion script'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man capture doctor migrate offsets run topics help" -f -a "config" -d 'Show what Connect reads from configuration files'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man capture doctor migrate offsets run topics help" -f -a "man" -d 'Print the manual page of a command, or write all pages into a folder'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man capture doctor migrate offsets run topics help" -f -a "capture" -d 'Save what a running standalone worker knows: connectors, configurations, states, offsets'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man capture doctor migrate offsets run topics help" -f -a "doctor" -d 'Tell whether this principal, from here, can be a Connect worker'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man capture doctor migrate offsets run topics help" -f -a "migrate" -d 'Move a standalone deployment to distributed mode, with the position of every connector'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man capture doctor migrate offsets run topics help" -f -a "offsets" -d 'Show, move and compare the positions of source connectors'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man capture doctor migrate offsets run topics help" -f -a "run" -d 'Run a distributed worker in the foreground, without a JVM'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man capture doctor migrate offsets run topics help" -f -a "topics" -d 'Create, check and mend the three storage topics of distributed workers'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and not __fish_seen_subcommand_from completions config man capture doctor migrate offsets run topics help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Show what Connect reads from a worker or connector file, key by key'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from offsets" -f -a "show" -d 'Show the positions of source connectors'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from offsets" -f -a "seed" -d 'Copy the positions of a standalone worker\'s file into the offset topic, byte for byte'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from offsets" -f -a "export" -d 'Write the positions of the offset topic to a file that a standalone worker can start from'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from offsets" -f -a "diff" -d 'Compare the positions of source connectors in two stores; exit code 3 when they differ'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from offsets" -f -a "where" -d 'Say which store holds the truth about a connector\'s position, and the position'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from topics" -f -a "create" -d 'Create the storage topics that are missing, and say of each what it is'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from topics" -f -a "check" -d 'Check that the storage topics exist and are right'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from topics" -f -a "describe" -d 'Show the storage topics as they are'
complete -c connectctl -n "__fish_connectctl_using_subcommand help; and __fish_seen_subcommand_from topics" -f -a "repair" -d 'Mend the settings of storage topics that can be changed without harm'
