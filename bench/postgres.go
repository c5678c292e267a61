package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres is a cluster that this program has made and started.
type postgres struct {
	process *process
	url     string
	dir     string
	conns   []*pgx.Conn
}

// postgresUser runs the cluster where this program is root, which PostgreSQL refuses to be.
const postgresUser = "postgres"

// startPostgres makes a cluster with the default settings, but for the size of the cache and
// of the log, which are made Tandem's.
func startPostgres(ctx context.Context, bin string) (_ *postgres, err error) {
	// Not below this program's own directory, which other users cannot enter.
	dir, err := os.MkdirTemp("", "tandem-bench-postgres")
	if err != nil {
		return nil, err
	}
	p := &postgres{dir: dir}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	attr, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "shared_buffers=256MB", "-c", "max_wal_size=256MB", "-c", "logging_collector=off", "-c", "log_min_messages=fatal")
	cmd.SysProcAttr, cmd.Dir = attr, dir
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.process = &process{cmd: cmd, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	p.url = "postgres://bench@" + p.process.addr + "/postgres?sslmode=disable"
	return p, p.connect(ctx)
}

// unprivileged gives dir to a user as whom PostgreSQL can run, and returns how to become it.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(postgresUser)
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2, os.Chown(dir, uid, gid)); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// connect opens a connection for each client, when the server is ready.
func (p *postgres) connect(ctx context.Context) error {
	const patience, pause = 20 * time.Second, 100 * time.Millisecond
	deadline := time.Now().Add(patience)
	for len(p.conns) < postgresClients {
		c, err := pgx.Connect(ctx, p.url)
		switch {
		case err == nil:
			p.conns = append(p.conns, c)
		case time.Now().After(deadline):
			return err
		default:
			time.Sleep(pause)
		}
	}
	return nil
}

func (p *postgres) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, c := range p.conns {
		_ = c.Close(ctx)
	}
	if p.process != nil {
		p.process.stop(os.Interrupt) // a fast shutdown
	}
	_ = os.RemoveAll(p.dir)
}

func (p *postgres) usage(context.Context) (usage, error) {
	cpu, err := p.process.cpu()
	return usage{cpu: cpu, mallocs: -1}, err
}

// schema has what the collections have: tables of documents, with indexes on expressions.
const schema = `
create table docs (id int primary key, doc jsonb not null);
create table groups (id text primary key, doc jsonb not null);
create table inserts (id int primary key, doc jsonb not null);
create table batches (id int primary key, doc jsonb not null);
create table accounts (id int primary key, doc jsonb not null);
create table hot (id int primary key, doc jsonb not null);
create table ledger (id int primary key, doc jsonb not null);
insert into groups select 'g' || lpad(i::text, 2, '0'), jsonb_build_object('rank', i) from generate_series(0, 49) i;
insert into accounts select i, jsonb_build_object('balance', 1000) from generate_series(0, 9999) i;
insert into hot select i, jsonb_build_object('balance', 1000) from generate_series(0, 9) i;`

const indexes = `
create index on docs (((doc->>'seq')::int));
create index on docs (((doc->>'scat')::int));`

func (p *postgres) load(ctx context.Context, n int) error {
	c := p.conns[0]
	if _, err := c.Exec(ctx, schema); err != nil {
		return err
	}
	i := 0
	_, err := c.CopyFrom(ctx, pgx.Identifier{"docs"}, []string{"id", "doc"}, pgx.CopyFromFunc(func() ([]any, error) {
		if i == n {
			return nil, nil
		}
		it := makeItem(i, n)
		i++
		return []any{it.id, it.json()}, nil
	}))
	if err != nil {
		return err
	}
	if _, err := c.Exec(ctx, indexes); err != nil {
		return err
	}
	for _, stmt := range []string{"vacuum analyze", "checkpoint"} {
		if _, err := c.Exec(ctx, stmt); err != nil {
			return err
		}
	}
	return nil
}
