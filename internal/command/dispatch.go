package command

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/wire"
)

// Handle runs the command in m.
func (s *Service) Handle(ctx context.Context, conn *Conn, m *wire.Message, dst []byte) ([]byte, Action) {
	return s.handle(ctx, conn, m, dst, false)
}

// handle runs a command; streamed says that it answers the same request once more.
func (s *Service) handle(ctx context.Context, conn *Conn, m *wire.Message, dst []byte, streamed bool) ([]byte, Action) {
	if conn.state.service != s {
		conn.state.service = s
		s.conns.add(conn)
	}
	c := calls.Get().(*Call)
	builder := c.builder
	*c = Call{Service: s, Conn: conn, Body: m.Body, Sequences: m.Sequences, msg: m, start: s.now(), builder: builder, streamed: streamed}
	c.Reply = &c.builder
	c.Reply.Reset(dst)
	c.quiet = m.Flags&wire.MoreToCome != 0
	err := s.run(ctx, c)
	reply := c.finish(ctx, dst, err)
	action := c.action
	if c.quiet && action == ActionReply {
		action = ActionNone
	}
	*c = Call{builder: c.builder}
	c.builder.Reset(nil)
	calls.Put(c)
	return reply, action
}

// run checks the command step by step, in the order in which MongoDB does, and executes
// it.
func (s *Service) run(ctx context.Context, c *Call) error {
	if err := c.parse(); err != nil {
		return err
	}
	s.counts[c.Spec.Counter].Add(1)
	ctx = s.begin(ctx, c)
	defer s.end(c)
	if limit := c.MaxTime(); limit > 0 && !c.Spec.Has(OwnMaxTime) {
		var stop context.CancelFunc
		ctx, stop = context.WithDeadlineCause(ctx, c.start.Add(limit), errMaxTime)
		defer stop()
	}
	if stop, err := s.inject(ctx, c); stop || err != nil {
		return c.interruption(ctx, err)
	}
	if err := s.check(ctx, c); err != nil {
		return err
	}
	if err := s.injectError(c); err != nil {
		return err
	}
	if stop, err := s.injectWrite(c); stop || err != nil {
		return err
	}
	return c.interruption(ctx, s.execute(ctx, c))
}

var errMaxTime = mongoerr.New(mongoerr.MaxTimeMSExpired, "operation exceeded time limit")

// parse finds the command and reads its fields.
func (c *Call) parse() error {
	body, db, err := requestBody(c.msg)
	if err != nil {
		return err
	}
	c.Body = body
	name, first, ok := body.First()
	if !ok {
		return mongoerr.New(mongoerr.FailedToParse, "An empty document is not a command")
	}
	c.Name = name
	c.Spec = c.Service.find(name)
	c.gen.db = db
	if c.Spec == nil {
		return mongoerr.New(mongoerr.CommandNotFound, "no such command: '%s'", name)
	}
	if c.msg.OpCode == wire.OpQuery && !c.Spec.Has(Legacy) {
		return mongoerr.New(mongoerr.UnsupportedOpQueryCommand,
			"Unsupported OP_QUERY command: %s. The client driver may require an upgrade. For more details see https://dochub.mongodb.org/core/legacy-opcode-removal", name)
	}
	if err := c.parseFields(); err != nil {
		return err
	}
	if c.gen.db == "" {
		return mongoerr.New(40571, "OP_MSG requests require a $db argument")
	}
	c.DB = c.gen.db
	if err := c.gen.apiParams(c.Spec, c.Service.params.requireAPI.Load()); err != nil {
		return err
	}
	return c.target(first)
}

// find returns the spec of a command, nil if there is none.
func (s *Service) find(name string) *Spec {
	spec := s.table[name]
	if spec != nil && spec.Has(TestOnly) && s.cfg.NoTestCommands {
		return nil
	}
	return spec
}

// requestBody unwraps the command of an OP_QUERY.
func requestBody(m *wire.Message) (body bsonx.Doc, db string, err error) {
	if m.OpCode != wire.OpQuery {
		return m.Body, "", nil
	}
	db, ok := strings.CutSuffix(m.Collection, ".$cmd")
	if !ok {
		return nil, "", mongoerr.New(mongoerr.UnsupportedOpQueryCommand, "Unsupported OP_QUERY command: find. The client driver may require an upgrade.")
	}
	body = m.Body
	if name, v, _ := body.First(); (name == "$query" || name == "query") && v.Type == bsonx.TypeDocument {
		body = v.Doc()
	}
	return body, db, nil
}

// parseFields reads the generic fields and checks the command's own ones.
func (c *Call) parseFields() error {
	spec := c.Spec
	var seen uint64
	it := c.Body.Iter()
	it.Next()
	for {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		if i := spec.arg(key); i >= 0 {
			if seen&(1<<i) != 0 {
				return duplicateField(spec, key)
			}
			if v.IsNullish() && spec.Args[i].Type&Null == 0 {
				continue
			}
			seen |= 1 << i
			if want := spec.Args[i].Type; typeBit(v.Type)&want == 0 {
				return wrongType(spec.Name+"."+key, v.Type, want)
			}
			continue
		}
		known, err := c.gen.set(key, v, c.Conn)
		if err != nil {
			return err
		}
		if !known && !spec.Has(Lenient) {
			if key == c.Name {
				return duplicateField(spec, key)
			}
			return unknownField(spec.Name, key)
		}
	}
	for _, seq := range c.Sequences {
		if err := c.checkSequence(seq.ID, &seen); err != nil {
			return err
		}
	}
	if err := c.setKind(); err != nil {
		return err
	}
	for i := range spec.Args {
		if spec.Args[i].Type&Required != 0 && seen&(1<<i) == 0 {
			return missingField(spec.Name, spec.Args[i].Name)
		}
	}
	return nil
}

// setKind finds out what the command is to its session. A number on a command that cannot use it is
// worse than a missing field.
func (c *Call) setKind() (err error) {
	if c.kind, err = c.gen.kind(c.Spec); err != nil {
		return err
	}
	if c.kind == session.KindRetryable && !c.Spec.Has(Retryable) {
		return mongoerr.New(mongoerr.NotARetryableWriteCommand,
			"txnNumber may only be provided for multi-document transactions and retryable write commands. autocommit:false was not provided, and %s is not a retryable write command.", c.Spec.Name)
	}
	return nil
}

func duplicateField(spec *Spec, key string) error {
	return mongoerr.New(mongoerr.IDLDuplicateField, "BSON field '%s.%s' is a duplicate field", spec.Name, key)
}

// arg returns the position of a field in Args, -1 if there is none.
func (s *Spec) arg(name string) int {
	for i := range s.Args {
		if s.Args[i].Name == name {
			return i
		}
	}
	return -1
}

func (c *Call) checkSequence(id string, seen *uint64) error {
	allowed := false
	for _, s := range c.Spec.Sequences {
		allowed = allowed || s == id
	}
	if !allowed {
		return mongoerr.New(40472, "The %s command does not support document sequences.", c.Spec.Name)
	}
	i := c.Spec.arg(id)
	if *seen&(1<<i) != 0 {
		return duplicateField(c.Spec, id)
	}
	*seen |= 1 << i
	return nil
}

// check makes the checks between failCommand and the session.
func (s *Service) check(ctx context.Context, c *Call) error {
	if err := c.checkTarget(); err != nil {
		return err
	}
	if err := c.checkTxn(); err != nil {
		return err
	}
	if err := s.authorize(c); err != nil {
		return err
	}
	if s.closing.Load() && !c.Spec.Has(NoShutdown) {
		return mongoerr.New(mongoerr.ShutdownInProgress, "The server is in quiesce mode and will shut down")
	}
	return s.checkConcerns(ctx, c)
}

// checkTxn makes the checks of commands with a transaction number that need no session.
func (c *Call) checkTxn() error {
	spec := c.Spec
	if !c.kind.InTransaction() {
		return nil
	}
	starts := !c.gen.startTransaction.IsMissing()
	refuse := func(format string, args ...any) error {
		return mongoerr.New(mongoerr.OperationNotSupportedInTransaction, format, args...)
	}
	switch {
	case spec.Name == "count":
		return refuse("Cannot run 'count' in a multi-document transaction. Please see http://dochub.mongodb.org/core/transaction-count for a recommended alternative.")
	case spec.Flags&(TxnAllowed|TxnInforms) == 0:
		return refuse("Cannot run '%s' in a multi-document transaction.", spec.Name)
	case spec.Has(TxnInforms):
		return nil // a first one was refused with the fields
	case !spec.Has(AdminOnly) && c.DB == "config":
		return refuse("Cannot run command against the config database in a transaction.")
	case c.DB == "admin" && spec.Has(OnCursor) && strings.HasPrefix(c.coll, "$cmd."):
		return nil // goes on with a command on admin, such as bulkWrite
	case !spec.Has(AdminOnly) && (c.DB == "local" || c.DB == "admin"):
		return refuse("Cannot run command against the '%s' database in a transaction.", c.DB)
	case c.coll == "system.profile", c.coll == "system.views" && !spec.Has(Write):
		return refuse("Cannot run command against the '%s' collection in a transaction.", c.ns)
	case !starts || spec.Has(TxnFirst):
		return nil
	case c.kind == session.KindCommit:
		return refuse("Cannot start a transaction with a commit")
	case c.kind == session.KindAbort:
		return refuse("Cannot start a transaction with an abort")
	}
	return refuse("Cannot run %s as the first operation in a multi-document transaction.", spec.Name)
}

// authorize checks who runs the command, and on which database.
func (s *Service) authorize(c *Call) error {
	if s.cfg.AuthRequired && !c.Spec.Has(NoAuth) && !c.Conn.Authenticated() {
		return mongoerr.New(mongoerr.Unauthorized, "Command %s requires authentication", c.Spec.Name)
	}
	if c.Spec.Has(AdminOnly) && c.DB != "admin" {
		return mongoerr.New(mongoerr.Unauthorized, "%s may only be run against the admin database.", c.Spec.Name)
	}
	return nil
}

// checkConcerns parses and checks read and write concern and the cluster times.
func (s *Service) checkConcerns(ctx context.Context, c *Call) error {
	if err := s.gossip(c.gen.clusterTime); err != nil {
		return err
	}
	var err error
	if c.wc, err = parseWriteConcern(c.gen.writeConcern); err != nil {
		return err
	}
	if err := checkWriteConcern(c.Spec, c.kind, &c.wc); err != nil {
		return err
	}
	if c.Spec.Has(Write) && !c.wc.Acknowledged() {
		c.quiet = c.quiet || c.msg.Flags&wire.MoreToCome != 0
	}
	if c.gen.readConcern.Doc().IsEmpty() {
		c.rc.Level = Local
		return nil
	}
	if c.rc, err = parseReadConcern(c.gen.readConcern); err != nil {
		return err
	}
	if err := c.rc.checkLevel(c.Spec, c.kind, true); err != nil {
		return err
	}
	now := s.clusterTime(ctx)
	if c.rc.After > now || c.rc.At > now {
		field := "afterClusterTime"
		if c.rc.At != 0 {
			field = "atClusterTime"
		}
		return mongoerr.New(mongoerr.InvalidOptions,
			"readConcern %s value must not be greater than the current clusterTime. Requested clusterTime: %s; current clusterTime: %s",
			field, bsonx.Format(bsonx.Timestamp(uint64(max(c.rc.After, c.rc.At)))), bsonx.Format(bsonx.Timestamp(uint64(now))))
	}
	return nil
}

// execute checks the session out and runs the handler.
func (s *Service) execute(ctx context.Context, c *Call) error {
	if c.kind == session.KindNone || c.Spec.Has(TxnInforms) {
		if c.gen.hasSession {
			if err := s.sessions.Touch(c.gen.session); err != nil {
				return err
			}
		}
		return s.invoke(ctx, c)
	}
	req := session.Request{
		ID: c.gen.session, Number: c.gen.txnNumber, Kind: c.kind, Command: c.Spec.Name,
		ReadConcern: c.gen.readConcern.Doc(), At: c.rc.At, API: c.gen.api,
		Origin: c.Conn, Running: c.op,
	}
	if c.kind == session.KindStart {
		req.AppName = c.Conn.AppName()
		if users := c.Conn.Users(); len(users) > 0 {
			req.User = users[0].ID()
		}
	}
	stmt, err := s.sessions.CheckOut(ctx, req)
	if err != nil {
		return err
	}
	c.stmt = stmt
	defer stmt.CheckIn()
	err = s.invoke(ctx, c)
	if err == nil && c.kind == session.KindRetryable {
		err = stmt.Retry().WaitDurable(ctx, c.Durability())
		if c.lost && c.wrote != 0 {
			c.action = ActionClose
		}
	}
	if err != nil {
		err = c.interruption(ctx, err)
		stmt.Fail(s.asError(err))
	} else if c.failed != nil {
		stmt.Fail(c.failed)
	}
	return err
}

// invoke runs the handler and waits until what it has read would survive a power cut, where
// the read concern asks for that.
func (s *Service) invoke(ctx context.Context, c *Call) error {
	c.executed = true
	if err := c.Spec.Handler(ctx, c); err != nil {
		return err
	}
	if c.rc.Level&(Majority|Linearizable|Snapshot) == 0 || c.kind.InTransaction() {
		return nil
	}
	ts := c.read
	if ts == 0 {
		ts = s.lastApplied(ctx)
	}
	return s.store.Engine.WaitDurable(ctx, ts)
}

// interruption turns the error of a statement that was stopped into the reason why.
func (c *Call) interruption(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	var e *mongoerr.Error
	if errors.As(err, &e) && !session.IsInterruption(e.Code) {
		return err
	}
	if cause := context.Cause(ctx); errors.As(cause, &e) {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return mongoerr.New(mongoerr.ClientDisconnect, "operation was interrupted because the client disconnected").WithCause(err)
	}
	return err
}

// begin makes the statement known to currentOp and killOp, and returns its context.
func (s *Service) begin(ctx context.Context, c *Call) context.Context {
	o := &op{
		opContext: opContext{Context: ctx},
		id:        s.nextOp.Add(1), conn: c.Conn, started: c.start,
		spec: c.Spec, ns: c.ns, body: c.Body, session: c.gen.session, kind: c.kind, number: c.gen.txnNumber,
	}
	c.op = o
	c.Conn.state.op.Store(o)
	return o
}

// end forgets the statement.
func (s *Service) end(c *Call) {
	o := c.op
	o.mu.Lock()
	o.body, o.ns = nil, ""
	o.mu.Unlock()
	o.opContext.end()
	c.Conn.state.op.Store(nil)
	d := s.now().Sub(c.start)
	s.used(c, d)
	if d >= time.Duration(s.profile.slowMS.Load())*time.Millisecond {
		s.logSlow(c, d)
	}
}
