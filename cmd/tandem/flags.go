package main

import (
	"strings"

	"github.com/urfave/cli/v3"
)

// settings are the values of the flags of serve.
type settings struct {
	config configFile

	listen   []string
	data     string
	cache    size
	memTable size
	txn      size

	advertise      string
	maxConnections int64

	auth         bool
	noAuth       bool
	rootUser     string
	rootPassword string
	tlsCert      string
	tlsKey       string

	logLevel  string
	logFormat string
}

const mega = 1 << 20

// flags returns the flags of serve. A flag comes from the command line, else from the
// environment, else from the configuration file.
func (s *settings) flags() []cli.Flag {
	s.cache, s.memTable = 256*mega, 64*mega
	return []cli.Flag{
		// First, since the others look into the file it names.
		&cli.StringFlag{
			Name: "config", Usage: "configuration `FILE` in YAML; its keys are the names of the other flags",
			Destination: &s.config.path, Sources: cli.EnvVars(envName("config")), TakesFile: true, OnlyOnce: true,
		},
		&cli.StringSliceFlag{
			Name: "listen", Usage: "`HOST:PORT` to accept connections on; may be given more than once",
			Value: []string{"127.0.0.1:27017"}, Destination: &s.listen, Sources: s.sources("listen"),
		},
		&cli.StringFlag{
			Name: "data", Usage: "`DIRECTORY` of the store, made if it does not exist; \":memory:\" keeps nothing",
			Value: "./data", Destination: &s.data, Sources: s.sources("data"), OnlyOnce: true,
		},
		s.sizeFlag("cache", &s.cache, "`SIZE` of the block cache, such as 512MB"),
		s.sizeFlag("memtables", &s.memTable, "`SIZE` of the memory for writes that are not in sorted files yet"),
		s.sizeFlag("txn-memory", &s.txn, "`SIZE` of what all open transactions together may have written (default: a quarter of the cache)"),
		&cli.StringFlag{
			Name: "advertise", Usage: "`HOST:PORT` that clients are told to connect to (default: the address each has connected to)",
			Destination: &s.advertise, Sources: s.sources("advertise"), OnlyOnce: true,
		},
		&cli.Int64Flag{
			Name: "max-connections", Usage: "`NUMBER` of connections at one time",
			Value: 65536, Destination: &s.maxConnections, Sources: s.sources("max-connections"), OnlyOnce: true,
		},
		&cli.BoolFlag{
			Name: "auth", Usage: "let clients in only with a user and a password",
			Destination: &s.auth, Sources: s.sources("auth"), OnlyOnce: true,
		},
		&cli.BoolFlag{
			Name: "insecure-no-auth", Usage: "let everybody in who can reach an address that is not a loopback address",
			Destination: &s.noAuth, Sources: s.sources("insecure-no-auth"), OnlyOnce: true,
		},
		&cli.StringFlag{
			Name: "root-user", Usage: "`NAME` of a user of the database admin, made at the start",
			Destination: &s.rootUser, Sources: s.sources("root-user"), OnlyOnce: true,
		},
		&cli.StringFlag{
			Name: "root-password", Usage: "`PASSWORD` of that user; others can see command lines, so rather use the environment",
			Destination: &s.rootPassword, Sources: s.sources("root-password"), OnlyOnce: true,
		},
		&cli.StringFlag{
			Name: "tls-cert", Usage: "`FILE` with the server's certificate in PEM; clients must use TLS then",
			Destination: &s.tlsCert, Sources: s.sources("tls-cert"), TakesFile: true, OnlyOnce: true,
		},
		&cli.StringFlag{
			Name: "tls-key", Usage: "`FILE` with the private key of the certificate in PEM",
			Destination: &s.tlsKey, Sources: s.sources("tls-key"), TakesFile: true, OnlyOnce: true,
		},
		&cli.StringFlag{
			Name: "log-level", Usage: "debug, info, warn or error",
			Value: "info", Destination: &s.logLevel, Sources: s.sources("log-level"), OnlyOnce: true,
		},
		&cli.StringFlag{
			Name: "log-format", Usage: "text or json",
			Value: "text", Destination: &s.logFormat, Sources: s.sources("log-format"), OnlyOnce: true,
		},
	}
}

func (s *settings) sizeFlag(name string, dst *size, usage string) cli.Flag {
	f := &cli.GenericFlag{Name: name, Usage: usage, Value: dst, Sources: s.sources(name), OnlyOnce: true}
	if *dst == 0 {
		f.HideDefault = true
	}
	return f
}

// sources are where a flag's value comes from if it is not on the command line.
func (s *settings) sources(name string) cli.ValueSourceChain {
	return cli.NewValueSourceChain(cli.EnvVar(envName(name)), s.config.source(name))
}

// envName returns the environment variable of a flag.
func envName(flag string) string {
	return "TANDEM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
