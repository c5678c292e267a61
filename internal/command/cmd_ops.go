package command

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
	"github.com/tandemdb/tandem/internal/session"
)

// OpsOptions select what CurrentOps returns, as the options of the $currentOp stage do.
type OpsOptions struct {
	AllUsers        bool
	IdleConnections bool
	IdleCursors     bool
	IdleSessions    bool

	// LocalOps and others of the stage mean nothing to a single server.
}

// CurrentOps describes the running commands, and idle things as far as they are asked for.
func (c *Call) CurrentOps(o OpsOptions) []bsonx.Doc {
	s := c.Service
	host, _ := os.Hostname()
	me := c.Conn.userDigest()
	var docs []bsonx.Doc
	for _, conn := range s.conns.list() {
		if !o.AllUsers && conn.userDigest() != me {
			continue
		}
		running := conn.state.op.Load()
		if running == nil && !o.IdleConnections {
			continue
		}
		b := bsonx.NewBuilder(nil).String("type", "op")
		appendClient(b, host, conn.Client())
		if running == nil || !c.appendOp(b, running, o.AllUsers) {
			if !o.IdleConnections {
				continue
			}
			b.Bool("active", false)
		}
		docs = append(docs, b.Build())
	}
	if o.IdleSessions {
		docs = s.appendIdleSessions(docs, host, o.AllUsers, me)
	}
	if o.IdleCursors {
		docs = s.appendIdleCursors(docs, host, o.AllUsers, me)
	}
	return docs
}

// appendClient adds what is known about a connection.
func appendClient(b *bsonx.Builder, host string, cl session.Client) {
	b.String("host", host)
	if cl.ConnectionID != 0 {
		b.String("desc", "conn"+bsonx.Format(bsonx.Int64(cl.ConnectionID))).Int64("connectionId", cl.ConnectionID)
	}
	if cl.Address != "" {
		b.String("client", cl.Address)
	}
	if cl.AppName != "" {
		b.String("appName", cl.AppName)
	}
	if cl.Metadata != nil {
		b.Doc("clientMetadata", cl.Metadata)
	}
}

// appendOp adds a running command, unless it has just ended.
func (c *Call) appendOp(b *bsonx.Builder, o *op, all bool) bool {
	s := c.Service
	o.mu.Lock()
	if o.body == nil {
		o.mu.Unlock()
		return false
	}
	body, spec, ns, id, kind, number := o.body.Clone(), o.spec, strings.Clone(o.ns), o.session, o.kind, o.number
	o.mu.Unlock()
	now := s.now()
	d := now.Sub(o.started)
	b.Bool("active", true).
		String("currentOpTime", now.UTC().Format(time.RFC3339Nano)).
		Bool("threaded", true).
		Int64("opid", o.id)
	if !id.IsZero() {
		id.Append(b, "lsid")
	}
	if v, ok := s.openTransaction(id, kind); ok {
		v.Append(b)
	} else if kind == session.KindRetryable {
		b.StartDoc("transaction").StartDoc("parameters").Int64("txnNumber", number).End().End()
	}
	b.Int64("secs_running", int64(d.Seconds())).
		Int64("microsecs_running", d.Microseconds()).
		String("op", opKind(spec)).
		String("ns", ns).
		Doc("command", body).
		Bool("killPending", o.killed.Load())
	c.appendWaits(b, &o.waits, all)
	return true
}

func (s *Service) openTransaction(id session.ID, kind session.Kind) (session.TxnView, bool) {
	if !kind.InTransaction() {
		return session.TxnView{}, false
	}
	return s.sessions.OpenTransaction(id)
}

// opKind is the "op" of currentOp.
func opKind(s *Spec) string {
	switch s.Counter {
	case CountInsert:
		return "insert"
	case CountQuery:
		return "query"
	case CountUpdate:
		return "update"
	case CountDelete:
		return "remove"
	case CountGetMore:
		return "getmore"
	}
	return "command"
}

// appendIdleSessions adds the transactions that wait for their next statement.
func (s *Service) appendIdleSessions(docs []bsonx.Doc, host string, all bool, me [32]byte) []bsonx.Doc {
	for _, v := range s.sessions.OpenTransactions() {
		if v.Running || !all && v.ID.User != me {
			continue
		}
		b := bsonx.NewBuilder(nil).String("type", "idleSession")
		cl := v.Client
		b.String("host", host).String("desc", "inactive transaction").String("client", cl.Address).
			Int64("connectionId", cl.ConnectionID).String("appName", cl.AppName)
		if cl.Metadata != nil {
			b.Doc("clientMetadata", cl.Metadata)
		}
		v.ID.Append(b, "lsid")
		v.Append(b)
		b.Bool("waitingForLock", false).Bool("active", false).StartDoc("locks")
		if mode, ok := v.Lock(); ok {
			b.String("Collection", mode.String())
		}
		docs = append(docs, b.End().StartDoc("waitStats").End().Build())
	}
	return docs
}

// appendIdleCursors adds the cursors that wait for a getMore.
func (s *Service) appendIdleCursors(docs []bsonx.Doc, host string, all bool, me [32]byte) []bsonx.Doc {
	for _, v := range s.sessions.Cursors.Idle() {
		if !all && !v.Owner.Session.IsZero() && v.Owner.Session.User != me {
			continue
		}
		b := bsonx.NewBuilder(nil).String("type", "idleCursor").String("host", host).String("ns", v.NS)
		if !v.Owner.Session.IsZero() {
			v.Owner.Session.Append(b, "lsid")
		}
		b.StartDoc("cursor").
			Int64("cursorId", v.ID).
			Value("createdDate", bsonx.Time(v.Created)).
			Value("lastAccessDate", bsonx.Time(v.LastUse)).
			Int64("nDocsReturned", v.Returned).
			Int64("nBatchesReturned", v.Batches).
			Bool("noCursorTimeout", v.NoTimeout).
			Bool("tailable", v.Tailable).
			Bool("awaitData", v.AwaitData).
			Doc("originatingCommand", v.Command).
			End()
		docs = append(docs, b.Bool("active", false).Build())
	}
	return docs
}

// cmdCurrentOp lists what runs. Fields that are not options are a filter.
func cmdCurrentOp(_ context.Context, c *Call) error {
	opts := OpsOptions{AllUsers: true, IdleSessions: true}
	filter := bsonx.NewBuilder(nil)
	err := c.eachOption(func(key string, v bsonx.Value) error {
		switch key {
		case "$all":
			opts.IdleConnections, opts.IdleCursors = v.Truthy(), v.Truthy()
		case "$ownOps":
			opts.AllUsers = !v.Truthy()
		default:
			filter.Value(key, v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	scope := expr.NewScope(nil)
	f, err := match.Compile(filter.Build(), scope)
	if err != nil {
		return err
	}
	ctx := scope.NewContext()
	b, i := c.Reply.StartArray("inprog"), 0
	for _, d := range c.CurrentOps(opts) {
		ok, err := f.Match(d, ctx)
		if err != nil {
			return err
		}
		if ok {
			*b.Buffer() = bsonx.AppendIndexElem(*b.Buffer(), i, bsonx.Document(d))
			i++
		}
	}
	b.End()
	return nil
}

// cmdKillOp stops a running command.
func cmdKillOp(_ context.Context, c *Call) error {
	id, ok := integer(c.Arg("op"))
	if !ok {
		return wrongType("killOp.op", c.Arg("op").Type, Number)
	}
	c.Service.interrupt(mongoerr.New(mongoerr.Interrupted, "operation was interrupted"), func(o *op) bool { return o.id == id })
	c.Reply.String("info", "attempting to kill op")
	return nil
}
