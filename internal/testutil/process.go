package testutil

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Process is a server in a process of its own, for tests that kill it.
type Process struct {
	Addr string // where it listens

	cmd *exec.Cmd
}

// BuildServer builds the server and returns the path of the program.
func BuildServer(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tandem")
	cmd := exec.Command("go", "build", "-o", bin, "github.com/tandemdb/tandem/cmd/tandem")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

var readyLine = regexp.MustCompile(`mongodb://(127\.0\.0\.1:\d+)/`)

// StartProcess runs the server on a free port, with its data in dir, and waits until it is ready.
func StartProcess(t *testing.T, bin, dir string) *Process {
	t.Helper()
	cmd := exec.Command(bin, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--log-level", "error")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if m := readyLine.FindStringSubmatch(line); m != nil {
			go func() { _, _ = io.Copy(io.Discard, r) }()
			return &Process{m[1], cmd}
		}
		if err != nil {
			_ = cmd.Wait()
			t.Fatalf("the server did not start: %v", err)
		}
	}
}

// Kill ends the server without warning.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}
