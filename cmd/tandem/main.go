// Command tandem runs a Tandem server. It turns flags, environment and a configuration
// file into options, and has no logic of its own.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v3"

	"github.com/tandemdb/tandem"
)

func main() {
	if err := newApp().Run(context.Background(), os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "tandem:", err)
		os.Exit(1)
	}
}

func newApp() *cli.Command {
	return &cli.Command{
		Name:            "tandem",
		Usage:           "a document database with transactions that speaks MongoDB's protocol",
		HideHelpCommand: true,
		Commands: []*cli.Command{
			newServeCommand(),
			{
				Name:   "version",
				Usage:  "print the version",
				Action: printVersion,
			},
		},
		CommandNotFound: func(_ context.Context, _ *cli.Command, name string) {
			fmt.Fprintf(os.Stderr, "tandem: unknown command %q, see tandem --help\n", name)
			os.Exit(1)
		},
		OnUsageError:   usageError,
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // main prints errors
	}
}

// usageError makes one line of what is wrong with the command line.
func usageError(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	return fmt.Errorf("%w, see %s --help", err, cmd.FullName())
}

func printVersion(_ context.Context, cmd *cli.Command) error {
	if cmd.Args().Present() {
		return usageError(context.Background(), cmd, fmt.Errorf("unexpected argument %q", cmd.Args().First()), true)
	}
	_, err := fmt.Fprintf(cmd.Root().Writer, "tandem %s%s %s %s/%s\n",
		tandem.Version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// revision returns the commit that the program was built from, if that is known.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return " (" + s.Value[:12] + ")"
		}
	}
	return ""
}
