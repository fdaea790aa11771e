
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
            cand --show-secrets 'Show the values of settings that hold credentials'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand completions 'Print a shell completion script'
            cand config 'Show what Connect reads from configuration files'
            cand man 'Print the manual page of a command, or write all pages into a folder'
            cand offsets 'Show, move and compare the positions of source connectors'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;completions'= {
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand --show-secrets 'Show the values of settings that hold credentials'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'connectctl;config'= {
            cand --color 'When to use colour'
            cand --timeout 'Deadline of every wait for the network'
            cand --show-secrets 'Show the values of settings that hold credentials'
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
            cand --show-secrets 'Show the values of settings that hold credentials'
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
            cand --show-secrets 'Show the values of settings that hold credentials'
            cand -v 'Log what is done to stderr; twice for the protocol'
            cand --verbose 'Log what is done to stderr; twice for the protocol'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand show 'Show the positions of source connectors'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;offsets;show'= {
            cand --partitions 'Also show in which of N partitions of an offset topic each key lies'
            cand --connector 'Only offsets of this connector; repeat it for more'
            cand -o 'Output format'
            cand --output 'Output format'
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
        &'connectctl;offsets;help'= {
            cand show 'Show the positions of source connectors'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;offsets;help;show'= {
        }
        &'connectctl;offsets;help;help'= {
        }
        &'connectctl;help'= {
            cand completions 'Print a shell completion script'
            cand config 'Show what Connect reads from configuration files'
            cand man 'Print the manual page of a command, or write all pages into a folder'
            cand offsets 'Show, move and compare the positions of source connectors'
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
        &'connectctl;help;offsets'= {
            cand show 'Show the positions of source connectors'
        }
        &'connectctl;help;offsets;show'= {
        }
        &'connectctl;help;help'= {
        }
    ]
    $completions[$command]
}
