package command

import (
	"context"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/auth"
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/wire"
)

// topology is what clients compare to see whether the server has changed.
type topology struct {
	process    [12]byte // of this process
	electionID [12]byte
}

const (
	maxWriteBatch   = 100_000
	maxClientDoc    = 1024
	maxAppName      = 128
	topologyCounter = 6 // nothing ever changes while the process lives
)

// cmdHello answers hello and its older spellings.
func cmdHello(ctx context.Context, c *Call) error {
	if err := c.checkStreaming(); err != nil {
		return err
	}
	if err := c.greet(); err != nil {
		return err
	}
	if err := c.holdHello(ctx); err != nil {
		return err
	}
	c.appendHello()
	c.negotiate()
	return c.appendAuthHints(ctx)
}

// appendHello adds what describes the server.
func (c *Call) appendHello() {
	s, b := c.Service, c.Reply
	b.Bool("helloOk", true).
		StartDoc("topologyVersion").
		Value("processId", bsonx.ObjectID(s.topology.process)).
		Int64("counter", topologyCounter).
		End().
		Strings("hosts", []string{c.Conn.Advertise}).
		String("setName", s.cfg.SetName).
		Int32("setVersion", 1)
	if c.Spec.Name == "hello" {
		b.Bool("isWritablePrimary", true)
	} else {
		b.Bool("ismaster", true)
	}
	now := s.now()
	last := s.lastApplied(context.Background())
	opTime := func(name string) {
		b.StartDoc(name).Value("ts", bsonx.Timestamp(uint64(last))).Int64("t", 1).End()
	}
	date := bsonx.DateTime(int64(last.Seconds()) * 1000)
	b.Bool("secondary", false).
		String("primary", c.Conn.Advertise).
		String("me", c.Conn.Advertise).
		Value("electionId", bsonx.ObjectID(s.topology.electionID)).
		StartDoc("lastWrite")
	opTime("opTime")
	b.Value("lastWriteDate", date)
	opTime("majorityOpTime")
	b.Value("majorityWriteDate", date).End().
		Int32("maxBsonObjectSize", wire.MaxDocumentSize).
		Int32("maxMessageSizeBytes", wire.MaxMessageSize).
		Int32("maxWriteBatchSize", maxWriteBatch).
		Value("localTime", bsonx.Time(now)).
		Int32("logicalSessionTimeoutMinutes", int32(s.sessions.Timeout()/time.Minute)).
		Int32("connectionId", int32(c.Conn.ID)).
		Int32("minWireVersion", 0).
		Int32("maxWireVersion", wireVersion).
		Bool("readOnly", false)
}

// checkStreaming checks the fields that make hello wait.
func (c *Call) checkStreaming() error {
	version, wait := c.Arg("topologyVersion"), c.Arg("maxAwaitTimeMS")
	if version.IsMissing() != wait.IsMissing() {
		return mongoerr.New(31368, "A request with 'maxAwaitTimeMS' must also include a 'topologyVersion', and the other way round")
	}
	if version.IsMissing() {
		return nil
	}
	if n, _ := integer(wait); n < 0 {
		return mongoerr.New(31373, "maxAwaitTimeMS must be a non-negative integer")
	}
	process, counter := version.Doc().Lookup("processId"), version.Doc().Lookup("counter")
	switch {
	case process.Type != bsonx.TypeObjectID:
		return wrongType("TopologyVersion.processId", process.Type, ObjectID)
	case counter.Type != bsonx.TypeInt64:
		return wrongType("TopologyVersion.counter", counter.Type, Long)
	case counter.Int64() < 0:
		return mongoerr.New(31372, "topologyVersion must have a non-negative counter")
	case process.ObjectID() == c.Service.topology.process && counter.Int64() > topologyCounter:
		return mongoerr.New(31382, "Received a topology version with counter: %d which is greater than the server topology version counter: %d", counter.Int64(), topologyCounter)
	}
	return nil
}

// holdHello waits as long as the client wants to hear of changes only.
func (c *Call) holdHello(ctx context.Context) error {
	version := c.Arg("topologyVersion")
	if version.IsMissing() {
		return nil
	}
	exhaust := c.msg.Flags&wire.ExhaustAllowed != 0
	if exhaust {
		c.action = ActionMore
	}
	if !c.streamed && version.Doc().Lookup("processId").ObjectID() != c.Service.topology.process {
		return nil
	}
	ms, _ := integer(c.Arg("maxAwaitTimeMS"))
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		c.action = ActionReply
		return context.Cause(ctx)
	case <-c.Stopping():
	case <-c.Service.stop:
	}
	c.action = ActionReply
	return mongoerr.New(mongoerr.ShutdownInProgress, "The server is in quiesce mode and will shut down")
}

// greet takes in what the client says about itself.
func (c *Call) greet() error {
	v := c.Arg("client")
	if v.IsMissing() || c.streamed {
		return nil
	}
	d := v.Doc()
	if v.Type != bsonx.TypeDocument {
		return wrongType("hello.client", v.Type, Object)
	}
	if len(d) > maxClientDoc {
		return mongoerr.New(mongoerr.ClientMetadataDocumentTooLarge,
			"The client metadata document must be less then or equal to %d bytes", maxClientDoc)
	}
	app := d.Lookup("application")
	if !app.IsMissing() && app.Type != bsonx.TypeDocument {
		return mongoerr.New(mongoerr.TypeMismatch, "The 'application' field is required to be a BSON document in the client metadata document")
	}
	name := app.Doc().Lookup("name")
	if len(name.Str()) > maxAppName {
		return mongoerr.New(mongoerr.ClientMetadataAppNameTooLarge,
			"The 'application.name' field must be less then or equal to %d bytes in the client metadata document", maxAppName)
	}
	for _, field := range []string{"driver", "os"} {
		if d.Lookup(field).Type != bsonx.TypeDocument {
			return mongoerr.New(mongoerr.ClientMetadataMissingField, "Missing required sub-document '%s' in the client metadata document", field)
		}
	}
	if d.LookupPath("driver", "name").IsMissing() || d.LookupPath("driver", "version").IsMissing() {
		return mongoerr.New(mongoerr.ClientMetadataMissingField, "Missing required field 'driver.name' or 'driver.version' in the client metadata document")
	}
	if d.LookupPath("os", "type").IsMissing() {
		return mongoerr.New(mongoerr.ClientMetadataMissingField, "Missing required field 'os.type' in the client metadata document")
	}
	if !c.Conn.SetClient(d, name.Str()) {
		return mongoerr.New(mongoerr.ClientMetadataCannotBeMutated, "The client metadata document may only be sent in the first hello")
	}
	return nil
}

// negotiate agrees on compressors, in the order of the server.
func (c *Call) negotiate() {
	v := c.Arg("compression")
	if v.IsMissing() || c.streamed {
		return
	}
	asked := stringList(v)
	var names []string
	var ids []wire.CompressorID
	for _, name := range []string{"snappy", "zstd", "zlib"} {
		if id, ok := wire.CompressorByName(name); ok && slices.Contains(asked, name) {
			names, ids = append(names, name), append(ids, id)
		}
	}
	c.Conn.SetCompressors(ids)
	if len(names) > 0 {
		c.Reply.Strings("compression", names)
	}
}

// appendAuthHints answers the questions about authentication that a hello can carry.
func (c *Call) appendAuthHints(ctx context.Context) error {
	if v := c.Arg("saslSupportedMechs"); v.Type == bsonx.TypeString {
		if mechs := c.Service.users.mechanisms(ctx, v.Str()); len(mechs) > 0 {
			c.Reply.Strings("saslSupportedMechs", mechs)
		}
	}
	spec := c.Arg("speculativeAuthenticate").Doc()
	if spec == nil || c.streamed {
		return nil
	}
	name, _, _ := spec.First()
	db := spec.Lookup("db").Str()
	if db == "" {
		db = c.DB
	}
	if name != "saslStart" {
		return nil
	}
	conv, reply, err := auth.Start(ctx, &c.Service.users, db, spec.Lookup("mechanism").Str(), payload(spec), startOptions(spec))
	if err != nil {
		return nil // the client tries again, in earnest
	}
	c.Conn.SetConversation(conv)
	c.Reply.StartDoc("speculativeAuthenticate")
	appendSASL(c.Reply, conv, reply)
	c.Reply.End()
	return nil
}

// Next sends one more reply to a streaming hello.
func (s *Service) Next(ctx context.Context, conn *Conn, m *wire.Message, dst []byte) ([]byte, Action) {
	return s.handle(ctx, conn, m, dst, true)
}
