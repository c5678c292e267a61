package command

import (
	"context"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/wire"
)

func cmdPing(context.Context, *Call) error { return nil }

// cmdBuildInfo describes the program, in MongoDB's terms.
func cmdBuildInfo(_ context.Context, c *Call) error {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	b := c.Reply
	b.String("version", Version).
		String("gitVersion", revision).
		Strings("modules", []string{"tandem"}).
		String("allocator", "go").
		String("javascriptEngine", "none").
		String("sysInfo", "deprecated").
		StartArray("versionArray")
	for i, part := range strings.Split(Version+".0", ".") {
		n, _ := strconv.Atoi(part)
		*b.Buffer() = bsonx.AppendIndexElem(*b.Buffer(), i, bsonx.Int32(int32(n)))
	}
	b.End().
		StartDoc("openssl").String("running", "Go crypto/tls").String("compiled", "Go crypto/tls").End().
		StartDoc("buildEnvironment").
		String("target_arch", runtime.GOARCH).
		String("target_os", runtime.GOOS).
		String("cc", runtime.Version()).
		End().
		Int32("bits", 64).
		Bool("debug", false).
		Int32("maxBsonObjectSize", wire.MaxDocumentSize).
		Strings("storageEngines", []string{"pebble"}).
		StartDoc("tandem").String("version", c.Service.cfg.Build).String("go", runtime.Version()).End()
	return nil
}
