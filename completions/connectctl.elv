
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
            cand man 'Print the manual page of a command, or write all pages into a folder'
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
        &'connectctl;help'= {
            cand completions 'Print a shell completion script'
            cand man 'Print the manual page of a command, or write all pages into a folder'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'connectctl;help;completions'= {
        }
        &'connectctl;help;man'= {
        }
        &'connectctl;help;help'= {
        }
    ]
    $completions[$command]
}
