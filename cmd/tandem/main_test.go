package main_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tandem")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "tandem")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build: %v\n%s", err, out))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// process is a running server.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	uri    string
	stderr *syncBuffer
	done   chan error
}

var greeting = regexp.MustCompile(`is ready: (mongodb://\S+)`)

// start runs "tandem serve" until the test ends and waits until it is ready.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"serve"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = t.TempDir()
	p := &process{t: t, cmd: cmd, stderr: &syncBuffer{}, done: make(chan error, 1)}
	cmd.Stderr = p.stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if m := greeting.FindStringSubmatch(lines.Text()); m != nil {
			p.uri = m[1]
			break
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdout)
		p.done <- cmd.Wait()
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.NotEmpty(t, p.uri, "the server did not start: %s", p.stderr)
	return p
}

// end waits for the process to end by itself.
func (p *process) end() error {
	select {
	case err := <-p.done:
		return err
	case <-time.After(10 * time.Second):
		p.t.Fatal("the server did not end")
		return nil
	}
}

func (p *process) connect(opts ...*options.ClientOptions) *mongo.Client {
	p.t.Helper()
	all := append([]*options.ClientOptions{options.Client().ApplyURI(p.uri).SetServerMonitoringMode(options.ServerMonitoringModePoll)}, opts...)
	client, err := mongo.Connect(all...)
	require.NoError(p.t, err)
	p.t.Cleanup(func() {
		// Where the server has gone, there is nobody to say goodbye to.
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = client.Disconnect(ctx)
	})
	return client
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// refuse runs the program, which must end by itself with one line on stderr.
func refuse(t *testing.T, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = t.TempDir()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Empty(t, stdout.String())
	require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
	return strings.TrimSpace(stderr.String())
}

func TestVersion(t *testing.T) {
	out, err := exec.Command(binary, "version").Output()
	require.NoError(t, err)
	require.Regexp(t, `^tandem \d+\.\d+\.\d+ .*go1\.`, string(out))
}

func TestHelpNamesEveryFlag(t *testing.T) {
	out, err := exec.Command(binary, "serve", "--help").Output()
	require.NoError(t, err)
	for _, flag := range []string{
		"config", "listen", "data", "cache", "memtables", "txn-memory", "advertise", "max-connections", "auth", "insecure-no-auth",
		"root-user", "root-password", "tls-cert", "tls-key", "log-level", "log-format",
	} {
		require.Contains(t, string(out), "--"+flag+" ")
		require.Contains(t, string(out), "$TANDEM_"+strings.ToUpper(strings.ReplaceAll(flag, "-", "_")))
	}
}

func TestMistakesGetOneLine(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	config := func(text string) string {
		name := filepath.Join(t.TempDir(), "tandem.yaml")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().String()

	for _, tc := range []struct {
		name string
		env  []string
		args []string
		want string
	}{
		{"unknown command", nil, []string{"serf"}, `tandem: unknown command "serf", see tandem --help`},
		{"unknown flag", nil, []string{"serve", "--foo"}, "tandem: flag provided but not defined: -foo, see tandem serve --help"},
		{"argument", nil, []string{"serve", "x"}, `tandem: unexpected argument "x", see tandem serve --help`},
		{"argument of version", nil, []string{"version", "x"}, `tandem: unexpected argument "x", see tandem version --help`},
		{"size", nil, []string{"serve", "--cache", "lots"}, `"lots" is not a size such as 512MB`},
		{"size in the environment", []string{"TANDEM_CACHE=lots"}, []string{"serve"}, `"lots" is not a size such as 512MB`},
		{"memtables too small", nil, []string{"serve", "--listen", "127.0.0.1:0", "--memtables", "1KB"}, "MemTableBytes is 1024, less than 2097152"},
		{"log level", nil, []string{"serve", "--log-level", "loud"}, `tandem: --log-level is "loud", not debug, info, warn or error`},
		{"log format", nil, []string{"serve", "--log-format", "xml"}, `tandem: --log-format is "xml", not text or json`},
		{"port taken", nil, []string{"serve", "--listen", taken}, "tandem: cannot listen on " + taken + ": the port is used by another program"},
		{"no port", nil, []string{"serve", "--listen", "127.0.0.1"}, "tandem: cannot listen on 127.0.0.1: address 127.0.0.1: missing port in address"},
		{"open to everybody", nil, []string{"serve", "--listen", ":0"}, "tandem: listening on :0, which is not a loopback address, needs --auth, or --insecure-no-auth to let everybody in"},
		{"nobody to let in", nil, []string{"serve", "--listen", "127.0.0.1:0", "--auth"}, "tandem: --auth needs --root-user and --root-password, since the store has no users yet"},
		{"user without password", nil, []string{"serve", "--listen", "127.0.0.1:0", "--root-user", "ann"}, "RootUser and RootPassword go together"},
		{"data not a directory", nil, []string{"serve", "--listen", "127.0.0.1:0", "--data", file + "/data"}, "tandem: the data directory " + file + "/data is not writable: not a directory"},
		{"certificate without key", nil, []string{"serve", "--tls-cert", file}, "tandem: --tls-cert and --tls-key go together"},
		{"bad certificate", nil, []string{"serve", "--tls-cert", file, "--tls-key", file}, "tandem: cannot load the TLS certificate: "},
		{"no configuration file", nil, []string{"serve", "--config", "nowhere.yaml"}, "tandem: cannot read the configuration file: open nowhere.yaml: no such file or directory"},
		{"unknown setting", nil, []string{"serve", "--config", config("cash: 1GB")}, `unknown setting "cash"`},
		{"bad setting", nil, []string{"serve", "--config", config("cache: lots")}, `"lots" is not a size such as 512MB`},
		{"nested setting", nil, []string{"serve", "--config", config("tls:\n  cert: x")}, "tls: a map is not a value"},
		{"not YAML", []string{"TANDEM_CONFIG=" + config("a: b: c")}, []string{"serve"}, "mapping values are not allowed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Contains(t, refuse(t, tc.env, tc.args...), tc.want)
		})
	}
}

func TestDataDirectoryIsLocked(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	start(t, nil, "--listen", "127.0.0.1:0", "--data", data)
	require.Equal(t, "tandem: the data directory "+data+" is used by another process",
		refuse(t, nil, "serve", "--listen", "127.0.0.1:0", "--data", data))
}

func TestSettingsComeFromThreePlaces(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tandem.yaml")
	require.NoError(t, os.WriteFile(name, []byte("listen: [\"127.0.0.1:0\"]\nadvertise: file.example:1\nlog-format: json\nlog-level: info\n"), 0o600))
	p := start(t, nil, "--config", name)
	require.Equal(t, "mongodb://file.example:1/", p.uri)
	require.Eventually(t, func() bool { return strings.Contains(p.stderr.String(), `"msg":"ready"`) }, 5*time.Second, time.Millisecond)
	p = start(t, []string{"TANDEM_ADVERTISE=env.example:1", "TANDEM_CONFIG=" + name})
	require.Equal(t, "mongodb://env.example:1/", p.uri)
	p = start(t, []string{"TANDEM_ADVERTISE=env.example:1", "TANDEM_CONFIG=" + name}, "--advertise", "flag.example:1")
	require.Equal(t, "mongodb://flag.example:1/", p.uri)
}

func TestSignalsEndTheServer(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			p := start(t, nil, "--listen", "127.0.0.1:0")
			client := p.connect()
			require.NoError(t, client.Ping(t.Context(), nil))
			began := time.Now()
			require.NoError(t, p.cmd.Process.Signal(sig))
			require.NoError(t, p.end())
			require.Less(t, time.Since(began), 5*time.Second)
			require.Contains(t, p.stderr.String(), "msg=closed")
		})
	}
}

// Neither a transaction that nobody ends nor a statement that waits for it keeps the
// server from ending.
func TestSignalWithOpenTransaction(t *testing.T) {
	p := start(t, nil, "--listen", "127.0.0.1:0")
	client := p.connect()
	c := client.Database("x").Collection("c")
	_, err := c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}})
	require.NoError(t, err)
	sess, err := client.StartSession()
	require.NoError(t, err)
	require.NoError(t, sess.StartTransaction())
	set := bson.D{{Key: "$set", Value: bson.D{{Key: "a", Value: 1}}}}
	_, err = c.UpdateByID(mongo.NewSessionContext(t.Context(), sess), 1, set)
	require.NoError(t, err)
	waiting := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		_, err := c.UpdateByID(ctx, 1, set)
		waiting <- err
	}()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.end())
	require.Less(t, time.Since(began), 5*time.Second)
	cancel()
	<-waiting
}

func TestShutdownCommand(t *testing.T) {
	p := start(t, nil, "--listen", "127.0.0.1:0")
	// The connection may end before the answer is sent.
	_ = p.connect().Database("admin").RunCommand(t.Context(), bson.D{{Key: "shutdown", Value: 1}}).Err()
	require.NoError(t, p.end())
}

func TestFirstPingIsQuick(t *testing.T) {
	best := time.Hour
	for range 3 {
		began := time.Now()
		p := start(t, nil, "--listen", "127.0.0.1:0")
		require.NoError(t, p.connect().Ping(t.Context(), nil))
		best = min(best, time.Since(began))
	}
	require.Less(t, best, 150*time.Millisecond)
}

func TestAuthentication(t *testing.T) {
	p := start(t, []string{"TANDEM_ROOT_PASSWORD=s3cret"}, "--listen", "0.0.0.0:0", "--auth", "--root-user", "ann")
	p.uri = strings.Replace(p.uri, "ann@", "", 1)
	list := func(opts ...*options.ClientOptions) error {
		_, err := p.connect(opts...).ListDatabaseNames(t.Context(), bson.D{})
		return err
	}
	var cmdErr mongo.CommandError
	require.ErrorAs(t, list(), &cmdErr)
	require.Equal(t, int32(13), cmdErr.Code)
	for _, mechanism := range []string{"", "SCRAM-SHA-1", "SCRAM-SHA-256"} {
		cred := options.Credential{AuthMechanism: mechanism, Username: "ann", Password: "s3cret"}
		require.NoError(t, list(options.Client().SetAuth(cred)), mechanism)
		cred.Password = "secret"
		require.ErrorContains(t, list(options.Client().SetAuth(cred)), "Authentication failed", mechanism)
	}
}

// The password must not be seen by clients that ask for the command line.
func TestPasswordIsHidden(t *testing.T) {
	p := start(t, nil, "--listen", "127.0.0.1:0", "--root-user=ann", "--root-password=s3cret")
	p.uri = strings.Replace(p.uri, "ann@", "", 1)
	raw, err := p.connect().Database("admin").RunCommand(t.Context(), bson.D{{Key: "getCmdLineOpts", Value: 1}}).Raw()
	require.NoError(t, err)
	require.Contains(t, raw.String(), "--root-user=ann")
	require.NotContains(t, raw.String(), "s3cret")
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))

	p := start(t, nil, "--listen", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile)
	require.True(t, strings.HasSuffix(p.uri, "?tls=true"))
	p.uri += "&tlsCAFile=" + certFile
	require.NoError(t, p.connect().Ping(t.Context(), nil))
}

func TestDataStays(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, nil, "--listen", "127.0.0.1:0", "--data", data)
	require.NoError(t, p.connect().Database("x").CreateCollection(t.Context(), "kept"))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.end())
	p = start(t, nil, "--listen", "127.0.0.1:0", "--data", data)
	names, err := p.connect().Database("x").ListCollectionNames(t.Context(), bson.D{})
	require.NoError(t, err)
	require.Equal(t, []string{"kept"}, names)
}
