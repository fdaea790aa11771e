
use builtin;
use str;

set edit:completion:arg-completer[connectctl] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'connectctl'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'connectctl'= {
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand completions 'Print a shell completion script'
            cand config 'Show what Connect reads from configuration files'
            cand man 'Print the manual page of a command, or write all pages into a folder'
            cand capture 'Save what a running standalone worker knows: connectors, configurations, states, offsets'
            cand doctor 'Tell whether this principal, from here, can be a Connect worker'
            cand migrate 'Move a standalone deployment to distributed mode, with the position of every connector'
            cand offsets 'Show, move and compare the positions of source connectors'
            cand run 'Run a distributed worker in the foreground, without a JVM'
            cand topics 'Create, check and mend the three storage topics of distributed workers'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;completions'= {
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;config'= {
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand show 'Show what Connect reads from a worker or connector file, key by key'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;config;show'= {
            cand -o 'Output format'
            cand --output 'Output format'
            cand --as 'What the file is for [default: what its settings say]'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand --show-secrets 'Show the values of settings that hold credentials'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;config;help'= {
            cand show 'Show what Connect reads from a worker or connector file, key by key'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;config;help;show'= {
        }
        &'connectctl;config;help;help'= {
        }
        &'connectctl;man'= {
            cand --out 'Write every page into this folder, as `connectctl-topics-create.1`'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;capture'= {
            cand --source-url 'REST URL of the running standalone worker'
            cand --out 'Folder to save to'
            cand --offsets 'The worker''s offsets file, where it can be reached: its bytes are exact, those from REST may not be knowable'
            cand -o 'Format of the report on stdout'
            cand --output 'Format of the report on stdout'
            cand --user 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it'
            cand --cacert 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs'
            cand --cert 'Client certificate in PEM, where workers ask for one; the file may hold the key too'
            cand --key 'Private key of --cert, PEM in PKCS#8'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand --stop 'Stop the connectors first (Kafka 3.5 and later), so that their positions are final'
            cand -y 'Do not ask before connectors are stopped'
            cand --yes 'Do not ask before connectors are stopped'
            cand --dry-run 'Read and check everything, stop nothing and write nothing'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;doctor'= {
            cand --worker-config 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them'
            cand --bootstrap-server 'Kafka brokers, as in Kafka''s own tools; instead of those of the file'
            cand --command-config 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand --no-write 'Write no probe records'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;migrate'= {
            cand --out 'Output folder'
            cand -o 'Format of the report on stdout'
            cand --output 'Format of the report on stdout'
            cand --accept 'Accept a blocking finding by its id, or ID:NAME for one connector'
            cand --verify 'How the result is verified beyond reading it back'
            cand --source-url 'REST URL of the running standalone worker: its connectors, configurations, states and offsets'
            cand --offsets 'Offsets file, instead of the one that the worker file names'
            cand --rename 'Give a connector another name; its offsets or its consumer group follow'
            cand --group-id 'group.id; the connector''s name when there is one connector'
            cand --config-topic 'config.storage.topic; _<group>.config'
            cand --offset-topic 'offset.storage.topic; _<group>.offset'
            cand --status-topic 'status.storage.topic; _<group>.status'
            cand --replication-factor 'Replicas of the storage topics: auto is min(3, brokers), -1 the broker''s default'
            cand --set 'Set a key of the distributed worker file'
            cand --initial-state 'State of the connectors once everything is verified'
            cand --url 'Register on the running Connect cluster at this URL; repeat it for more workers of the same cluster'
            cand --user 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it'
            cand --cacert 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs'
            cand --cert 'Client certificate in PEM, where workers ask for one; the file may hold the key too'
            cand --key 'Private key of --cert, PEM in PKCS#8'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand --dry-run 'Show the plan and write nothing; exit 3 when there is something to do'
            cand --offline 'Read and write files only; no cluster is asked'
            cand -y 'Do not ask'
            cand --yes 'Do not ask'
            cand --source-stopped 'Say that the standalone worker is stopped, where that cannot be seen from here'
            cand --no-offsets 'Give the positions of the source connectors up: they start from the beginning'
            cand --delete-old 'Delete what --rename leaves under the old name'
            cand --adopt 'Go on although the config topic or the Connect group is in use by others'
            cand --overwrite-offsets 'Replace offsets that the offset topic has for a connector that is absent or stopped'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;offsets'= {
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand show 'Show the positions of source connectors'
            cand seed 'Copy the positions of a standalone worker''s file into the offset topic, byte for byte'
            cand export 'Write the positions of the offset topic to a file that a standalone worker can start from'
            cand diff 'Compare the positions of source connectors in two stores; exit code 3 when they differ'
            cand where 'Say which store holds the truth about a connector''s position, and the position'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;offsets;show'= {
            cand --url 'REST URL of a worker; repeat it for more workers of the same cluster'
            cand --partitions 'Also show in which of N partitions of an offset topic each key of FILE would lie'
            cand --connector 'Only offsets of this connector; repeat it for more'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --worker-config 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them'
            cand --bootstrap-server 'Kafka brokers, as in Kafka''s own tools; instead of those of the file'
            cand --command-config 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal'
            cand --user 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it'
            cand --cacert 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs'
            cand --cert 'Client certificate in PEM, where workers ask for one; the file may hold the key too'
            cand --key 'Private key of --cert, PEM in PKCS#8'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;offsets;seed'= {
            cand --connector 'Only this connector of the file; repeat it for more'
            cand --rename 'Give the positions of a connector to another name'
            cand --backup 'Where replaced offsets are saved'
            cand -o 'Format of the report on stdout'
            cand --output 'Format of the report on stdout'
            cand --worker-config 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them'
            cand --bootstrap-server 'Kafka brokers, as in Kafka''s own tools; instead of those of the file'
            cand --command-config 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand --overwrite-offsets 'Replace offsets that the topic has for a connector that is absent or stopped'
            cand --source-stopped 'Say that the standalone worker is stopped, where the age of the file does not show it'
            cand --dry-run 'Show what would be written and write nothing; exit code 3 when there is something to do'
            cand -y 'Do not ask'
            cand --yes 'Do not ask'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;offsets;export'= {
            cand --to 'File to write'
            cand --connector 'Only this connector; repeat it for more'
            cand --rename 'Write the positions of a connector under another name'
            cand --accept 'Accept a blocking finding by its id: P20, although a connector is at work; P11, of a key in two partitions the record where its next one goes; P42, of a connector whose own offset topic is not read, the copies in that of the workers; aborted-records, what an aborted transaction wrote'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --worker-config 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them'
            cand --bootstrap-server 'Kafka brokers, as in Kafka''s own tools; instead of those of the file'
            cand --command-config 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand --dry-run 'Make the same checks and write nothing; exit code 3 when there is something to write'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;offsets;diff'= {
            cand --connector 'Only offsets of this connector; repeat it for more'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --user 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it'
            cand --cacert 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs'
            cand --cert 'Client certificate in PEM, where workers ask for one; the file may hold the key too'
            cand --key 'Private key of --cert, PEM in PKCS#8'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;offsets;where'= {
            cand --offsets 'Offsets file of a standalone worker'
            cand --url 'REST URL of a worker; repeat it for more workers of the same cluster'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --worker-config 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them'
            cand --bootstrap-server 'Kafka brokers, as in Kafka''s own tools; instead of those of the file'
            cand --command-config 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal'
            cand --user 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it'
            cand --cacert 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs'
            cand --cert 'Client certificate in PEM, where workers ask for one; the file may hold the key too'
            cand --key 'Private key of --cert, PEM in PKCS#8'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;offsets;help'= {
            cand show 'Show the positions of source connectors'
            cand seed 'Copy the positions of a standalone worker''s file into the offset topic, byte for byte'
            cand export 'Write the positions of the offset topic to a file that a standalone worker can start from'
            cand diff 'Compare the positions of source connectors in two stores; exit code 3 when they differ'
            cand where 'Say which store holds the truth about a connector''s position, and the position'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;offsets;help;show'= {
        }
        &'connectctl;offsets;help;seed'= {
        }
        &'connectctl;offsets;help;export'= {
        }
        &'connectctl;offsets;help;diff'= {
        }
        &'connectctl;offsets;help;where'= {
        }
        &'connectctl;offsets;help;help'= {
        }
        &'connectctl;run'= {
            cand --connectors 'Register the connectors of this folder''s *.json and *.properties files that are missing'
            cand --engine 'What runs the connectors'
            cand --log-format 'How the log is written to stderr'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;topics'= {
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand create 'Create the storage topics that are missing, and say of each what it is'
            cand check 'Check that the storage topics exist and are right'
            cand describe 'Show the storage topics as they are'
            cand repair 'Mend the settings of storage topics that can be changed without harm'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;topics;create'= {
            cand --worker-config 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them'
            cand --bootstrap-server 'Kafka brokers, as in Kafka''s own tools; instead of those of the file'
            cand --command-config 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand --dry-run 'Make the same checks and create nothing; exit code 3 when something is missing'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;topics;check'= {
            cand --worker-config 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them'
            cand --bootstrap-server 'Kafka brokers, as in Kafka''s own tools; instead of those of the file'
            cand --command-config 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;topics;describe'= {
            cand --worker-config 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them'
            cand --bootstrap-server 'Kafka brokers, as in Kafka''s own tools; instead of those of the file'
            cand --command-config 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;topics;repair'= {
            cand --worker-config 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them'
            cand --bootstrap-server 'Kafka brokers, as in Kafka''s own tools; instead of those of the file'
            cand --command-config 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal'
            cand -o 'Output format'
            cand --output 'Output format'
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand --dry-run 'Show what would be changed; exit code 3 when there is anything'
            cand -y 'Do not ask'
            cand --yes 'Do not ask'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;topics;help'= {
            cand create 'Create the storage topics that are missing, and say of each what it is'
            cand check 'Check that the storage topics exist and are right'
            cand describe 'Show the storage topics as they are'
            cand repair 'Mend the settings of storage topics that can be changed without harm'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;topics;help;create'= {
        }
        &'connectctl;topics;help;check'= {
        }
        &'connectctl;topics;help;describe'= {
        }
        &'connectctl;topics;help;repair'= {
        }
        &'connectctl;topics;help;help'= {
        }
        &'connectctl;help'= {
            cand completions 'Print a shell completion script'
            cand config 'Show what Connect reads from configuration files'
            cand man 'Print the manual page of a command, or write all pages into a folder'
            cand capture 'Save what a running standalone worker knows: connectors, configurations, states, offsets'
            cand doctor 'Tell whether this principal, from here, can be a Connect worker'
            cand migrate 'Move a standalone deployment to distributed mode, with the position of every connector'
            cand offsets 'Show, move and compare the positions of source connectors'
            cand run 'Run a distributed worker in the foreground, without a JVM'
            cand topics 'Create, check and mend the three storage topics of distributed workers'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;help;completions'= {
        }
        &'connectctl;help;config'= {
            cand show 'Show what Connect reads from a worker or connector file, key by key'
        }
        &'connectctl;help;config;show'= {
        }
        &'connectctl;help;man'= {
        }
        &'connectctl;help;capture'= {
        }
        &'connectctl;help;doctor'= {
        }
        &'connectctl;help;migrate'= {
        }
        &'connectctl;help;offsets'= {
            cand show 'Show the positions of source connectors'
            cand seed 'Copy the positions of a standalone worker''s file into the offset topic, byte for byte'
            cand export 'Write the positions of the offset topic to a file that a standalone worker can start from'
            cand diff 'Compare the positions of source connectors in two stores; exit code 3 when they differ'
            cand where 'Say which store holds the truth about a connector''s position, and the position'
        }
        &'connectctl;help;offsets;show'= {
        }
        &'connectctl;help;offsets;seed'= {
        }
        &'connectctl;help;offsets;export'= {
        }
        &'connectctl;help;offsets;diff'= {
        }
        &'connectctl;help;offsets;where'= {
        }
        &'connectctl;help;run'= {
        }
        &'connectctl;help;topics'= {
            cand create 'Create the storage topics that are missing, and say of each what it is'
            cand check 'Check that the storage topics exist and are right'
            cand describe 'Show the storage topics as they are'
            cand repair 'Mend the settings of storage topics that can be changed without harm'
        }
        &'connectctl;help;topics;create'= {
        }
        &'connectctl;help;topics;check'= {
        }
        &'connectctl;help;topics;describe'= {
        }
        &'connectctl;help;topics;repair'= {
        }
        &'connectctl;help;help'= {
        }
    ]
    $completions[$command]
}
