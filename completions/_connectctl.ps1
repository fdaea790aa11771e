
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'connectctl' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'connectctl'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'connectctl' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a shell completion script')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show what Connect reads from configuration files')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page of a command, or write all pages into a folder')
            [CompletionResult]::new('capture', 'capture', [CompletionResultType]::ParameterValue, 'Save what a running standalone worker knows: connectors, configurations, states, offsets')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Tell whether this principal, from here, can be a Connect worker')
            [CompletionResult]::new('migrate', 'migrate', [CompletionResultType]::ParameterValue, 'Move a standalone deployment to distributed mode, with the position of every connector')
            [CompletionResult]::new('offsets', 'offsets', [CompletionResultType]::ParameterValue, 'Show, move and compare the positions of source connectors')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a distributed worker in the foreground, without a JVM')
            [CompletionResult]::new('topics', 'topics', [CompletionResultType]::ParameterValue, 'Create, check and mend the three storage topics of distributed workers')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'connectctl;completions' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;config' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show what Connect reads from a worker or connector file, key by key')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'connectctl;config;show' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'What the file is for [default: what its settings say]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('--show-secrets', '--show-secrets', [CompletionResultType]::ParameterName, 'Show the values of settings that hold credentials')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;config;help' {
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show what Connect reads from a worker or connector file, key by key')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'connectctl;config;help;show' {
            break
        }
        'connectctl;config;help;help' {
            break
        }
        'connectctl;man' {
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Write every page into this folder, as `connectctl-topics-create.1`')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;capture' {
            [CompletionResult]::new('--source-url', '--source-url', [CompletionResultType]::ParameterName, 'REST URL of the running standalone worker')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Folder to save to')
            [CompletionResult]::new('--offsets', '--offsets', [CompletionResultType]::ParameterName, 'The worker''s offsets file, where it can be reached: its bytes are exact, those from REST may not be knowable')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the report on stdout')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the report on stdout')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Client certificate in PEM, where workers ask for one; the file may hold the key too')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Private key of --cert, PEM in PKCS#8')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('--stop', '--stop', [CompletionResultType]::ParameterName, 'Stop the connectors first (Kafka 3.5 and later), so that their positions are final')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask before connectors are stopped')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before connectors are stopped')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Read and check everything, stop nothing and write nothing')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;doctor' {
            [CompletionResult]::new('--worker-config', '--worker-config', [CompletionResultType]::ParameterName, 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them')
            [CompletionResult]::new('--bootstrap-server', '--bootstrap-server', [CompletionResultType]::ParameterName, 'Kafka brokers, as in Kafka''s own tools; instead of those of the file')
            [CompletionResult]::new('--command-config', '--command-config', [CompletionResultType]::ParameterName, 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('--no-write', '--no-write', [CompletionResultType]::ParameterName, 'Write no probe records')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;migrate' {
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Output folder')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the report on stdout')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the report on stdout')
            [CompletionResult]::new('--accept', '--accept', [CompletionResultType]::ParameterName, 'Accept a blocking finding by its id, or ID:NAME for one connector')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'How the result is verified beyond reading it back')
            [CompletionResult]::new('--source-url', '--source-url', [CompletionResultType]::ParameterName, 'REST URL of the running standalone worker: its connectors, configurations, states and offsets')
            [CompletionResult]::new('--offsets', '--offsets', [CompletionResultType]::ParameterName, 'Offsets file, instead of the one that the worker file names')
            [CompletionResult]::new('--rename', '--rename', [CompletionResultType]::ParameterName, 'Give a connector another name; its offsets or its consumer group follow')
            [CompletionResult]::new('--group-id', '--group-id', [CompletionResultType]::ParameterName, 'group.id; the connector''s name when there is one connector')
            [CompletionResult]::new('--config-topic', '--config-topic', [CompletionResultType]::ParameterName, 'config.storage.topic; _<group>.config')
            [CompletionResult]::new('--offset-topic', '--offset-topic', [CompletionResultType]::ParameterName, 'offset.storage.topic; _<group>.offset')
            [CompletionResult]::new('--status-topic', '--status-topic', [CompletionResultType]::ParameterName, 'status.storage.topic; _<group>.status')
            [CompletionResult]::new('--replication-factor', '--replication-factor', [CompletionResultType]::ParameterName, 'Replicas of the storage topics: auto is min(3, brokers), -1 the broker''s default')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set a key of the distributed worker file')
            [CompletionResult]::new('--initial-state', '--initial-state', [CompletionResultType]::ParameterName, 'State of the connectors once everything is verified')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'Register on the running Connect cluster at this URL; repeat it for more workers of the same cluster')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Client certificate in PEM, where workers ask for one; the file may hold the key too')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Private key of --cert, PEM in PKCS#8')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show the plan and write nothing; exit 3 when there is something to do')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Read and write files only; no cluster is asked')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('--source-stopped', '--source-stopped', [CompletionResultType]::ParameterName, 'Say that the standalone worker is stopped, where that cannot be seen from here')
            [CompletionResult]::new('--no-offsets', '--no-offsets', [CompletionResultType]::ParameterName, 'Give the positions of the source connectors up: they start from the beginning')
            [CompletionResult]::new('--delete-old', '--delete-old', [CompletionResultType]::ParameterName, 'Delete what --rename leaves under the old name')
            [CompletionResult]::new('--adopt', '--adopt', [CompletionResultType]::ParameterName, 'Go on although the config topic or the Connect group is in use by others')
            [CompletionResult]::new('--overwrite-offsets', '--overwrite-offsets', [CompletionResultType]::ParameterName, 'Replace offsets that the offset topic has for a connector that is absent or stopped')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;offsets' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the positions of source connectors')
            [CompletionResult]::new('seed', 'seed', [CompletionResultType]::ParameterValue, 'Copy the positions of a standalone worker''s file into the offset topic, byte for byte')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the positions of the offset topic to a file that a standalone worker can start from')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Compare the positions of source connectors in two stores; exit code 3 when they differ')
            [CompletionResult]::new('where', 'where', [CompletionResultType]::ParameterValue, 'Say which store holds the truth about a connector''s position, and the position')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'connectctl;offsets;show' {
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'REST URL of a worker; repeat it for more workers of the same cluster')
            [CompletionResult]::new('--partitions', '--partitions', [CompletionResultType]::ParameterName, 'Also show in which of N partitions of an offset topic each key of FILE would lie')
            [CompletionResult]::new('--connector', '--connector', [CompletionResultType]::ParameterName, 'Only offsets of this connector; repeat it for more')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--worker-config', '--worker-config', [CompletionResultType]::ParameterName, 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them')
            [CompletionResult]::new('--bootstrap-server', '--bootstrap-server', [CompletionResultType]::ParameterName, 'Kafka brokers, as in Kafka''s own tools; instead of those of the file')
            [CompletionResult]::new('--command-config', '--command-config', [CompletionResultType]::ParameterName, 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Client certificate in PEM, where workers ask for one; the file may hold the key too')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Private key of --cert, PEM in PKCS#8')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;offsets;seed' {
            [CompletionResult]::new('--connector', '--connector', [CompletionResultType]::ParameterName, 'Only this connector of the file; repeat it for more')
            [CompletionResult]::new('--rename', '--rename', [CompletionResultType]::ParameterName, 'Give the positions of a connector to another name')
            [CompletionResult]::new('--backup', '--backup', [CompletionResultType]::ParameterName, 'Where replaced offsets are saved')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Format of the report on stdout')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Format of the report on stdout')
            [CompletionResult]::new('--worker-config', '--worker-config', [CompletionResultType]::ParameterName, 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them')
            [CompletionResult]::new('--bootstrap-server', '--bootstrap-server', [CompletionResultType]::ParameterName, 'Kafka brokers, as in Kafka''s own tools; instead of those of the file')
            [CompletionResult]::new('--command-config', '--command-config', [CompletionResultType]::ParameterName, 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('--overwrite-offsets', '--overwrite-offsets', [CompletionResultType]::ParameterName, 'Replace offsets that the topic has for a connector that is absent or stopped')
            [CompletionResult]::new('--source-stopped', '--source-stopped', [CompletionResultType]::ParameterName, 'Say that the standalone worker is stopped, where the age of the file does not show it')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be written and write nothing; exit code 3 when there is something to do')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;offsets;export' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'File to write')
            [CompletionResult]::new('--connector', '--connector', [CompletionResultType]::ParameterName, 'Only this connector; repeat it for more')
            [CompletionResult]::new('--rename', '--rename', [CompletionResultType]::ParameterName, 'Write the positions of a connector under another name')
            [CompletionResult]::new('--accept', '--accept', [CompletionResultType]::ParameterName, 'Accept a blocking finding by its id: P20, although a connector is at work; P11, of a key in two partitions the record where its next one goes; P42, of a connector whose own offset topic is not read, the copies in that of the workers; aborted-records, what an aborted transaction wrote')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--worker-config', '--worker-config', [CompletionResultType]::ParameterName, 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them')
            [CompletionResult]::new('--bootstrap-server', '--bootstrap-server', [CompletionResultType]::ParameterName, 'Kafka brokers, as in Kafka''s own tools; instead of those of the file')
            [CompletionResult]::new('--command-config', '--command-config', [CompletionResultType]::ParameterName, 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Make the same checks and write nothing; exit code 3 when there is something to write')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;offsets;diff' {
            [CompletionResult]::new('--connector', '--connector', [CompletionResultType]::ParameterName, 'Only offsets of this connector; repeat it for more')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Client certificate in PEM, where workers ask for one; the file may hold the key too')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Private key of --cert, PEM in PKCS#8')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;offsets;where' {
            [CompletionResult]::new('--offsets', '--offsets', [CompletionResultType]::ParameterName, 'Offsets file of a standalone worker')
            [CompletionResult]::new('--url', '--url', [CompletionResultType]::ParameterName, 'REST URL of a worker; repeat it for more workers of the same cluster')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--worker-config', '--worker-config', [CompletionResultType]::ParameterName, 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them')
            [CompletionResult]::new('--bootstrap-server', '--bootstrap-server', [CompletionResultType]::ParameterName, 'Kafka brokers, as in Kafka''s own tools; instead of those of the file')
            [CompletionResult]::new('--command-config', '--command-config', [CompletionResultType]::ParameterName, 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it')
            [CompletionResult]::new('--cacert', '--cacert', [CompletionResultType]::ParameterName, 'Trust the certificate authorities in this PEM file, and no others, for https:// URLs')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Client certificate in PEM, where workers ask for one; the file may hold the key too')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Private key of --cert, PEM in PKCS#8')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;offsets;help' {
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the positions of source connectors')
            [CompletionResult]::new('seed', 'seed', [CompletionResultType]::ParameterValue, 'Copy the positions of a standalone worker''s file into the offset topic, byte for byte')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the positions of the offset topic to a file that a standalone worker can start from')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Compare the positions of source connectors in two stores; exit code 3 when they differ')
            [CompletionResult]::new('where', 'where', [CompletionResultType]::ParameterValue, 'Say which store holds the truth about a connector''s position, and the position')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'connectctl;offsets;help;show' {
            break
        }
        'connectctl;offsets;help;seed' {
            break
        }
        'connectctl;offsets;help;export' {
            break
        }
        'connectctl;offsets;help;diff' {
            break
        }
        'connectctl;offsets;help;where' {
            break
        }
        'connectctl;offsets;help;help' {
            break
        }
        'connectctl;run' {
            [CompletionResult]::new('--connectors', '--connectors', [CompletionResultType]::ParameterName, 'Register the connectors of this folder''s *.json and *.properties files that are missing')
            [CompletionResult]::new('--engine', '--engine', [CompletionResultType]::ParameterName, 'What runs the connectors')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How the log is written to stderr')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;topics' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Create the storage topics that are missing, and say of each what it is')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check that the storage topics exist and are right')
            [CompletionResult]::new('describe', 'describe', [CompletionResultType]::ParameterValue, 'Show the storage topics as they are')
            [CompletionResult]::new('repair', 'repair', [CompletionResultType]::ParameterValue, 'Mend the settings of storage topics that can be changed without harm')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'connectctl;topics;create' {
            [CompletionResult]::new('--worker-config', '--worker-config', [CompletionResultType]::ParameterName, 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them')
            [CompletionResult]::new('--bootstrap-server', '--bootstrap-server', [CompletionResultType]::ParameterName, 'Kafka brokers, as in Kafka''s own tools; instead of those of the file')
            [CompletionResult]::new('--command-config', '--command-config', [CompletionResultType]::ParameterName, 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Make the same checks and create nothing; exit code 3 when something is missing')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;topics;check' {
            [CompletionResult]::new('--worker-config', '--worker-config', [CompletionResultType]::ParameterName, 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them')
            [CompletionResult]::new('--bootstrap-server', '--bootstrap-server', [CompletionResultType]::ParameterName, 'Kafka brokers, as in Kafka''s own tools; instead of those of the file')
            [CompletionResult]::new('--command-config', '--command-config', [CompletionResultType]::ParameterName, 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;topics;describe' {
            [CompletionResult]::new('--worker-config', '--worker-config', [CompletionResultType]::ParameterName, 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them')
            [CompletionResult]::new('--bootstrap-server', '--bootstrap-server', [CompletionResultType]::ParameterName, 'Kafka brokers, as in Kafka''s own tools; instead of those of the file')
            [CompletionResult]::new('--command-config', '--command-config', [CompletionResultType]::ParameterName, 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;topics;repair' {
            [CompletionResult]::new('--worker-config', '--worker-config', [CompletionResultType]::ParameterName, 'Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them')
            [CompletionResult]::new('--bootstrap-server', '--bootstrap-server', [CompletionResultType]::ParameterName, 'Kafka brokers, as in Kafka''s own tools; instead of those of the file')
            [CompletionResult]::new('--command-config', '--command-config', [CompletionResultType]::ParameterName, 'Client settings (security), as in Kafka''s own tools; instead of the worker''s own, for another principal')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Deadline of every wait for the network')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be changed; exit code 3 when there is anything')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log what is done to stderr; twice for the protocol')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'connectctl;topics;help' {
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Create the storage topics that are missing, and say of each what it is')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check that the storage topics exist and are right')
            [CompletionResult]::new('describe', 'describe', [CompletionResultType]::ParameterValue, 'Show the storage topics as they are')
            [CompletionResult]::new('repair', 'repair', [CompletionResultType]::ParameterValue, 'Mend the settings of storage topics that can be changed without harm')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'connectctl;topics;help;create' {
            break
        }
        'connectctl;topics;help;check' {
            break
        }
        'connectctl;topics;help;describe' {
            break
        }
        'connectctl;topics;help;repair' {
            break
        }
        'connectctl;topics;help;help' {
            break
        }
        'connectctl;help' {
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a shell completion script')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show what Connect reads from configuration files')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page of a command, or write all pages into a folder')
            [CompletionResult]::new('capture', 'capture', [CompletionResultType]::ParameterValue, 'Save what a running standalone worker knows: connectors, configurations, states, offsets')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Tell whether this principal, from here, can be a Connect worker')
            [CompletionResult]::new('migrate', 'migrate', [CompletionResultType]::ParameterValue, 'Move a standalone deployment to distributed mode, with the position of every connector')
            [CompletionResult]::new('offsets', 'offsets', [CompletionResultType]::ParameterValue, 'Show, move and compare the positions of source connectors')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a distributed worker in the foreground, without a JVM')
            [CompletionResult]::new('topics', 'topics', [CompletionResultType]::ParameterValue, 'Create, check and mend the three storage topics of distributed workers')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'connectctl;help;completions' {
            break
        }
        'connectctl;help;config' {
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show what Connect reads from a worker or connector file, key by key')
            break
        }
        'connectctl;help;config;show' {
            break
        }
        'connectctl;help;man' {
            break
        }
        'connectctl;help;capture' {
            break
        }
        'connectctl;help;doctor' {
            break
        }
        'connectctl;help;migrate' {
            break
        }
        'connectctl;help;offsets' {
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the positions of source connectors')
            [CompletionResult]::new('seed', 'seed', [CompletionResultType]::ParameterValue, 'Copy the positions of a standalone worker''s file into the offset topic, byte for byte')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the positions of the offset topic to a file that a standalone worker can start from')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Compare the positions of source connectors in two stores; exit code 3 when they differ')
            [CompletionResult]::new('where', 'where', [CompletionResultType]::ParameterValue, 'Say which store holds the truth about a connector''s position, and the position')
            break
        }
        'connectctl;help;offsets;show' {
            break
        }
        'connectctl;help;offsets;seed' {
            break
        }
        'connectctl;help;offsets;export' {
            break
        }
        'connectctl;help;offsets;diff' {
            break
        }
        'connectctl;help;offsets;where' {
            break
        }
        'connectctl;help;run' {
            break
        }
        'connectctl;help;topics' {
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Create the storage topics that are missing, and say of each what it is')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check that the storage topics exist and are right')
            [CompletionResult]::new('describe', 'describe', [CompletionResultType]::ParameterValue, 'Show the storage topics as they are')
            [CompletionResult]::new('repair', 'repair', [CompletionResultType]::ParameterValue, 'Mend the settings of storage topics that can be changed without harm')
            break
        }
        'connectctl;help;topics;create' {
            break
        }
        'connectctl;help;topics;check' {
            break
        }
        'connectctl;help;topics;describe' {
            break
        }
        'connectctl;help;topics;repair' {
            break
        }
        'connectctl;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
