package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of CPU times in /proc. Linux has told programs the same one, whatever
// the kernel was built with, for decades.
const clockTick = 10 * time.Millisecond

// stopLimit is how long a child may take to end before it is killed.
const stopLimit = 10 * time.Second

// process is a child that serves something.
type process struct {
	cmd  *exec.Cmd
	addr string // host:port that it has printed
}

var printedAddress = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// startServer starts a server and waits until it has printed its address.
func startServer(name string, args ...string) (*process, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if p.addr = printedAddress.FindString(lines.Text()); p.addr != "" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return p, nil
		}
	}
	p.stop(os.Interrupt)
	return nil, fmt.Errorf("%s did not start", name)
}

// stop ends the process with a signal.
func (p *process) stop(sig os.Signal) {
	_ = p.cmd.Process.Signal(sig)
	timer := time.AfterFunc(stopLimit, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait()
}

// cpu returns the CPU time that the process and its live children have taken.
func (p *process) cpu() (time.Duration, error) {
	pid := p.cmd.Process.Pid
	total, _, err := readStat(pid)
	if err != nil {
		return 0, err
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, name := range stats {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			continue
		}
		if d, parent, err := readStat(child); err == nil && parent == pid {
			total += d
		}
	}
	return total, nil
}

// readStat returns the CPU time of one process, without its children, and its parent.
func readStat(pid int) (cpu time.Duration, parent int, err error) {
	const ppid, utime, stime = 1, 11, 12 // after the name
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) <= stime {
		return 0, 0, errors.New("/proc: unexpected format of stat")
	}
	user, err1 := strconv.Atoi(fields[utime])
	sys, err2 := strconv.Atoi(fields[stime])
	parent, err3 := strconv.Atoi(fields[ppid])
	return time.Duration(user+sys) * clockTick, parent, errors.Join(err1, err2, err3)
}

// resident returns the memory that the process keeps in RAM, in bytes.
func (p *process) resident() (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("/proc: no VmRSS in status")
}

// ownCPU returns the CPU time of this process.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
