// Command conformance runs the integration tests of the official Go driver, from the module cache,
// against a Tandem server that it starts, and compares the outcome with expected.txt.
//
//	go run . -server ../../bin/tandem [-update] [-suite NAME] [-keep DIR]
//
// A test that fails, or is skipped, without a line in expected.txt is an error, and so is a line
// that no such test needs any more: the list can only shrink.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// suites are the driver's packages that need a server.
var suites = []struct{ name, pkg, run string }{
	{"unified", "go.mongodb.org/mongo-driver/mongo/integration/unified", "TestUnifiedSpec"},
	{"integration", "go.mongodb.org/mongo-driver/mongo/integration", "."},
}

func main() {
	server := flag.String("server", "../../bin/tandem", "the server binary")
	suite := flag.String("suite", "", "run this suite only")
	keep := flag.String("keep", "", "write the test events to this directory")
	uri := flag.String("uri", "", "use this server instead of starting one")
	flag.Parse()
	ok, err := run(*server, *uri, *suite, *keep)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(server, uri, only, keep string) (bool, error) {
	want, err := readExpected("expected.txt")
	if err != nil {
		return false, err
	}
	outcome := make(map[string]result)
	for _, s := range suites {
		if only != "" && s.name != only {
			continue
		}
		if err := runOn(server, uri, s.name, s.pkg, s.run, keep, want, outcome); err != nil {
			return false, err
		}
	}
	return report(outcome, want, only), nil
}

// runOn runs one suite, on a server of its own unless uri names one.
func runOn(server, uri, name, pkg, pattern, keep string, want []*expectation, outcome map[string]result) error {
	if uri == "" {
		dir, err := os.MkdirTemp("", "conformance")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		own, stop, err := start(server, dir)
		if err != nil {
			return err
		}
		defer stop()
		uri = own
	}
	return runSuite(name, pkg, pattern, omitted(want), uri, keep, outcome)
}

var readyLine = regexp.MustCompile(`mongodb://(127\.0\.0\.1:\d+)/`)

// start runs the server and returns the URI to reach it, and what ends it.
func start(bin, dir string) (uri string, stop func(), err error) {
	cmd := exec.Command(bin, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--log-level", "error")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if m := readyLine.FindStringSubmatch(line); m != nil {
			go func() { _, _ = io.Copy(io.Discard, r) }()
			return "mongodb://" + m[1] + "/?replicaSet=rs0", stop, nil
		}
		if err != nil {
			stop()
			return "", nil, fmt.Errorf("the server did not start: %w", err)
		}
	}
}

// omitted is the argument of go test -skip for the tests that are not run.
func omitted(want []*expectation) string {
	var alts []string
	for _, e := range want {
		if e.action != "omit" {
			continue
		}
		e.used = true
		var parts []string
		for _, p := range strings.Split(e.pattern, "/") {
			parts = append(parts, "^"+strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*")+"$")
		}
		alts = append(alts, strings.Join(parts, "/"))
	}
	return strings.Join(alts, "|")
}

// result is how one test ended, and the line that says why.
type result struct{ action, why string }

// event is one line of go test -json.
type event struct {
	Action, Test, Output string
}

func runSuite(name, pkg, run, skip, uri, keep string, outcome map[string]result) error {
	args := []string{"test", pkg, "-run", run, "-json", "-count=1", "-timeout", "20m"}
	if skip != "" {
		args = append(args, "-skip", skip)
	}
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "MONGODB_URI="+uri, "TOPOLOGY=replica_set", "DOCKER_RUNNING=1", "CGO_ENABLED=0")
	var raw bytes.Buffer
	cmd.Stdout, cmd.Stderr = &raw, os.Stderr
	begun := time.Now()
	_ = cmd.Run() // failures are in the events
	fmt.Printf("%s: %s\n", name, time.Since(begun).Round(time.Second))
	if keep != "" {
		if err := os.WriteFile(filepath.Join(keep, name+".json"), raw.Bytes(), 0o644); err != nil {
			return err
		}
	}
	found := false
	output := make(map[string]string)
	for line := range bytes.Lines(raw.Bytes()) {
		var e event
		if json.Unmarshal(line, &e) != nil || e.Test == "" {
			continue
		}
		id := name + "/" + e.Test
		switch e.Action {
		case "output":
			if !strings.HasPrefix(strings.TrimSpace(e.Output), "---") && !strings.HasPrefix(e.Output, "===") {
				output[id] += e.Output
			}
		case "pass", "fail", "skip":
			found = true
			outcome[id] = result{e.Action, strings.Join(strings.Fields(output[id]), " ")}
		}
	}
	if !found {
		return fmt.Errorf("%s ran no test", name)
	}
	return nil
}

// expectation is one line of expected.txt.
type expectation struct {
	action, pattern, reason string
	used                    bool
}

// readExpected reads lines "action pattern # reason". A pattern is a test's name, or for skip what
// the test says; * stands for anything.
func readExpected(file string) ([]*expectation, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []*expectation
	for i, line := range strings.Split(string(b), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		spec, reason, ok := strings.Cut(line, " # ")
		action, pattern, ok2 := strings.Cut(strings.TrimSpace(spec), " ")
		if !ok || !ok2 {
			return nil, fmt.Errorf("%s:%d: want \"action pattern # reason\"", file, i+1)
		}
		list = append(list, &expectation{action: action, pattern: strings.TrimSpace(pattern), reason: reason})
	}
	return list, nil
}

func (e *expectation) matches(test string, r result) bool {
	if e.action != r.action {
		return false
	}
	if e.action == "skip" {
		test = r.why
	}
	re := regexp.QuoteMeta(e.pattern)
	re = "^" + strings.ReplaceAll(re, `\*`, ".*") + "$"
	return regexp.MustCompile(re).MatchString(test)
}

// report prints what differs from the expectations and returns whether nothing does.
func report(outcome map[string]result, want []*expectation, only string) bool {
	ok := true
	counts := make(map[string]int)
	var names []string
	for test := range outcome {
		names = append(names, test)
	}
	slices.Sort(names)
	for i, test := range names {
		if i+1 < len(names) && strings.HasPrefix(names[i+1], test+"/") {
			continue // a group
		}
		r := outcome[test]
		counts[r.action]++
		if r.action == "pass" {
			continue
		}
		known := false
		for _, e := range want {
			if e.matches(test, r) {
				e.used, known = true, true
			}
		}
		if !known {
			ok = false
			fmt.Printf("unexpected %s: %s\n    %.300s\n", r.action, test, r.why)
		}
	}
	for _, e := range want {
		if !e.used && only == "" {
			ok = false
			fmt.Printf("no longer needed: %s %s # %s\n", e.action, e.pattern, e.reason)
		}
	}
	fmt.Printf("conformance: %d tests pass; %d that fail and %d that are skipped are accounted for one by one in expected.txt, or named above\n",
		counts["pass"], counts["fail"], counts["skip"])
	return ok
}
