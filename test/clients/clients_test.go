// Package clients_test runs real clients against a real server: the seed scripts with Mongoose, the
// Node.js driver and mongosh, PyMongo, the official Go driver, mongodump and mongorestore.
//
// What is not a Go module is installed by "make test-clients", which sets TANDEM_CLIENTS: then a
// client that is missing is a failure.
package clients_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// need skips the test where a client is not installed, unless the clients are demanded.
func need(t *testing.T, there bool, what string) {
	t.Helper()
	if there {
		return
	}
	if os.Getenv("TANDEM_CLIENTS") != "" {
		t.Fatalf("%s is not installed", what)
	}
	t.Skipf("%s is not installed: run \"make test-clients\"", what)
}

var readyLine = regexp.MustCompile(`mongodb://(127\.0\.0\.1:\d+)/`)

// startServer builds the server, runs it on a free port and returns its URI.
func startServer(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tandem")
	build := exec.Command("go", "build", "-o", bin, "github.com/tandemdb/tandem/cmd/tandem")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.Command(bin, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "data"), "--log-level", "error")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server did not end well: %v", err)
		}
	})
	r := bufio.NewReader(stdout)
	for {
		line, err := r.ReadString('\n')
		if m := readyLine.FindStringSubmatch(line); m != nil {
			go func() { _, _ = io.Copy(io.Discard, r) }()
			return "mongodb://" + m[1] + "/"
		}
		require.NoError(t, err, "the server did not start")
	}
}

// command runs a client and fails with its output if it does.
func command(t *testing.T, limit time.Duration, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
	return string(out)
}

func TestSeeds(t *testing.T) {
	modules, err := filepath.Abs("../node")
	require.NoError(t, err)
	_, err = os.Stat(filepath.Join(modules, "node_modules", "mongoose"))
	need(t, err == nil, "Mongoose")
	uri := startServer(t)
	for _, u := range []string{uri, uri + "?replicaSet=rs0", uri + "?directConnection=true"} {
		out := command(t, 3*time.Minute, "bash", "../seeds/run.sh", "--uri", u, "--modules", modules)
		require.Regexp(t, `seeds: \d+ passed, 0 failed, 0 skipped`, out)
	}
}

func TestPyMongo(t *testing.T) {
	python := ""
	for _, p := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(p, "-c", "import pymongo").Run() == nil {
			python = p
			break
		}
	}
	need(t, python != "", "PyMongo")
	out := command(t, 2*time.Minute, python, "../python/transfer.py", startServer(t))
	require.Contains(t, out, "1 passed, 0 failed")
}
