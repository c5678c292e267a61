package command

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
)

// cmdConnectionStatus tells a client who it is.
func cmdConnectionStatus(_ context.Context, c *Call) error {
	b := c.Reply.StartDoc("authInfo").StartArray("authenticatedUsers")
	users := c.Conn.Users()
	for i, u := range users {
		d := bsonx.NewBuilder(nil).String("user", u.Name).String("db", u.DB).Build()
		*b.Buffer() = bsonx.AppendIndexElem(*b.Buffer(), i, bsonx.Document(d))
	}
	b.End().StartArray("authenticatedUserRoles")
	n := 0
	for _, u := range users {
		for _, known := range c.Service.users.list(u.DB) {
			if known.UserName() != u {
				continue
			}
			for it := known.Roles.Iter(); ; n++ {
				_, role, ok := it.Next()
				if !ok {
					break
				}
				*b.Buffer() = bsonx.AppendIndexElem(*b.Buffer(), n, role)
			}
		}
	}
	b.End()
	if c.Arg("showPrivileges").Truthy() {
		b.StartArray("authenticatedUserPrivileges").End()
	}
	b.End()
	return nil
}

// cmdWhatsMyURI tells a client its own address.
func cmdWhatsMyURI(_ context.Context, c *Call) error {
	c.Reply.String("you", c.Conn.Remote.String())
	return nil
}

// cmdListCommands describes the commands.
func cmdListCommands(_ context.Context, c *Call) error {
	b := c.Reply.StartDoc("commands")
	for _, s := range Commands() {
		if c.Service.find(s.Name) == nil {
			continue
		}
		b.StartDoc(s.Name).
			String("help", s.Help).
			Bool("requiresAuth", !s.Has(NoAuth)).
			String("secondaryOk", "N/A").
			Bool("adminOnly", s.Has(AdminOnly))
		if s.Has(APIV1) {
			b.Strings("apiVersions", []string{"1"})
		} else {
			b.Strings("apiVersions", nil)
		}
		b.Strings("deprecatedApiVersions", nil).End()
	}
	b.End()
	return nil
}

// cmdGetLog returns the newest lines of the log.
func cmdGetLog(_ context.Context, c *Call) error {
	_, first, _ := c.Body.First()
	var lines []string
	switch name := first.Str(); {
	case first.Type != bsonx.TypeString:
		return wrongType("getLog.getLog", first.Type, String)
	case name == "*":
		c.Reply.Strings("names", []string{"global", "startupWarnings"})
		return nil
	case name == "global":
		if c.Service.cfg.LogLines != nil {
			lines = c.Service.cfg.LogLines()
		}
	case name != "startupWarnings":
		return mongoerr.New(mongoerr.OperationFailed, "No log named '%s'", name)
	}
	c.Reply.Int32("totalLinesWritten", int32(len(lines))).Strings("log", lines)
	return nil
}

// cmdClearLog forgets what getLog would return.
func cmdClearLog(_ context.Context, c *Call) error {
	_, first, _ := c.Body.First()
	switch {
	case first.Type != bsonx.TypeString:
		return wrongType("clearLog.clearLog", first.Type, String)
	case first.Str() != "global":
		return mongoerr.New(mongoerr.InvalidOptions, "Only the 'global' log can be cleared")
	case c.Service.cfg.ClearLog != nil:
		c.Service.cfg.ClearLog()
	}
	return nil
}

// cmdGetCmdLineOpts returns how the process was started.
func cmdGetCmdLineOpts(_ context.Context, c *Call) error {
	cfg := &c.Service.cfg
	c.Reply.Strings("argv", cfg.Argv).
		StartDoc("parsed").
		StartDoc("storage").String("dbPath", cfg.DataDir).End().
		StartDoc("replication").String("replSet", cfg.SetName).End()
	if cfg.AuthRequired {
		c.Reply.StartDoc("security").String("authorization", "enabled").End()
	}
	c.Reply.End()
	return nil
}

// cmdGetDefaultRWConcern returns the concerns of commands that name none.
func cmdGetDefaultRWConcern(_ context.Context, c *Call) error {
	c.Reply.StartDoc("defaultReadConcern").String("level", "local").End().
		StartDoc("defaultWriteConcern").String("w", "majority").Int32("wtimeout", 0).End().
		String("defaultWriteConcernSource", "implicit").
		String("defaultReadConcernSource", "implicit").
		Value("localUpdateWallClockTime", bsonx.Time(c.Service.started))
	return nil
}

// cmdShutdown ends the process as a signal would.
func cmdShutdown(_ context.Context, c *Call) error {
	if c.Service.cfg.Shutdown == nil {
		return mongoerr.New(mongoerr.IllegalOperation, "This server is embedded in another program and cannot be shut down by a command")
	}
	go c.Service.cfg.Shutdown()
	return nil
}

// cmdProfile reads and sets what counts as a slow operation. There is no profile collection.
func cmdProfile(_ context.Context, c *Call) error {
	_, first, _ := c.Body.First()
	level, ok := integer(first)
	if !ok {
		return wrongType("profile.profile", first.Type, Number)
	}
	if level > 0 {
		return mongoerr.New(mongoerr.NotImplemented, "profile: level %d is not supported; slow operations are in the log", level)
	}
	was := c.Service.profile.slowMS.Load()
	if v := c.Arg("slowms"); !v.IsMissing() {
		n, _ := integer(v)
		c.Service.profile.slowMS.Store(n)
		c.Service.sessions.Params.SlowTxn.Store(int64(time.Duration(n) * time.Millisecond))
	}
	for _, name := range []string{"filter", "sampleRate"} {
		if !c.Arg(name).IsMissing() {
			return mongoerr.New(mongoerr.NotImplemented, "profile: '%s' is not supported", name)
		}
	}
	c.Reply.Int32("was", 0).Int64("slowms", was).Double("sampleRate", 1)
	return nil
}

// cmdFsync returns when everything committed would survive a power cut.
func cmdFsync(ctx context.Context, c *Call) error {
	if c.Arg("lock").Truthy() {
		return mongoerr.New(mongoerr.NotImplemented, "fsync: 'lock' is not supported")
	}
	if err := c.Store().Engine.WaitDurable(ctx, c.Service.lastApplied(ctx)); err != nil {
		return err
	}
	c.Reply.Int32("numFiles", 1)
	return nil
}

// cmdValidate compares every index entry with every record.
func cmdValidate(ctx context.Context, c *Call) error {
	coll := c.collection()
	switch {
	case coll == nil:
		return mongoerr.New(mongoerr.NamespaceNotFound, "Collection '%s' does not exist to validate.", c.ns)
	case coll.IsView():
		return mongoerr.New(mongoerr.CommandNotSupportedOnView, "Cannot validate a view")
	case c.Arg("repair").Truthy(), c.Arg("fixMultikey").Truthy():
		return mongoerr.New(mongoerr.NotImplemented, "validate: 'repair' and 'fixMultikey' are not supported")
	case c.Arg("background").Truthy() && c.Arg("full").Truthy():
		return mongoerr.New(mongoerr.InvalidOptions, "Running the validate command with both { background: true } and { full: true } is not supported.")
	}
	r, err := c.Store().Validate(ctx, c.ns)
	if err != nil {
		return err
	}
	b := c.Reply.String("ns", c.ns).
		Value("uuid", bsonx.Binary(4, coll.UUID[:])).
		Int64("nInvalidDocuments", 0).
		Int64("nNonCompliantDocuments", 0).
		Int64("nrecords", r.Records).
		Int32("nIndexes", int32(len(r.Indexes))).
		StartDoc("keysPerIndex")
	for _, x := range r.Indexes {
		b.Int64(x.Name, x.Keys)
	}
	b.End().StartDoc("indexDetails")
	for _, x := range r.Indexes {
		b.StartDoc(x.Name).Bool("valid", r.Valid()).End()
	}
	b.End().
		Bool("valid", r.Valid()).
		Bool("repaired", false).
		StartArray("warnings").End().
		Strings("errors", r.Errors).
		StartArray("extraIndexEntries").End().
		StartArray("missingIndexEntries").End().
		StartArray("corruptRecords").End()
	return nil
}

// cmdSearchIndexes refuses what needs a search service.
func cmdSearchIndexes(context.Context, *Call) error {
	return mongoerr.New(mongoerr.SearchNotEnabled, "Using Atlas Search Database Commands and the $listSearchIndexes aggregation stage requires additional configuration. Please connect to Atlas or an AtlasCLI local deployment to enable.")
}

// cmdReplSetGetStatus describes the replica set of one member.
func cmdReplSetGetStatus(ctx context.Context, c *Call) error {
	s, b := c.Service, c.Reply
	last := s.lastApplied(ctx)
	opTime := func(name string) {
		b.StartDoc(name).Value("ts", bsonx.Timestamp(uint64(last))).Int64("t", 1).End()
	}
	date := bsonx.DateTime(int64(last.Seconds()) * 1000)
	b.String("set", s.cfg.SetName).
		Value("date", bsonx.Time(c.start)).
		Int32("myState", 1).
		Int64("term", 1).
		String("syncSourceHost", "").
		Int32("syncSourceId", -1).
		Int64("heartbeatIntervalMillis", 2000).
		Int32("majorityVoteCount", 1).
		Int32("writeMajorityCount", 1).
		Int32("votingMembersCount", 1).
		Int32("writableVotingMembersCount", 1).
		StartDoc("optimes")
	opTime("lastCommittedOpTime")
	b.Value("lastCommittedWallTime", date)
	opTime("readConcernMajorityOpTime")
	opTime("appliedOpTime")
	opTime("durableOpTime")
	b.Value("lastAppliedWallTime", date).Value("lastDurableWallTime", date).End().
		StartArray("members").StartDoc("0").
		Int32("_id", 0).
		String("name", c.Conn.Advertise).
		Double("health", 1).
		Int32("state", 1).
		String("stateStr", "PRIMARY").
		Int32("uptime", int32(c.start.Sub(s.started).Seconds()))
	opTime("optime")
	started := storage.MakeTimestamp(uint32(s.started.Unix()), 1)
	b.Value("optimeDate", date).
		Value("electionTime", bsonx.Timestamp(uint64(started))).
		Value("electionDate", bsonx.Time(s.started)).
		Int32("configVersion", 1).
		Int32("configTerm", 1).
		Bool("self", true).
		String("lastHeartbeatMessage", "").
		End().End()
	return nil
}

// cmdReplSetGetConfig returns the configuration of the replica set of one member.
func cmdReplSetGetConfig(_ context.Context, c *Call) error {
	c.Reply.StartDoc("config").
		String("_id", c.Service.cfg.SetName).
		Int32("version", 1).
		Int32("term", 1).
		StartArray("members").StartDoc("0").
		Int32("_id", 0).
		String("host", c.Conn.Advertise).
		Bool("arbiterOnly", false).
		Bool("buildIndexes", true).
		Bool("hidden", false).
		Double("priority", 1).
		StartDoc("tags").End().
		Int64("secondaryDelaySecs", 0).
		Int32("votes", 1).
		End().End().
		Int64("protocolVersion", 1).
		Bool("writeConcernMajorityJournalDefault", true).
		StartDoc("settings").
		Bool("chainingAllowed", true).
		Int32("heartbeatIntervalMillis", 2000).
		Int32("heartbeatTimeoutSecs", 10).
		Int32("electionTimeoutMillis", 10_000).
		StartDoc("getLastErrorModes").End().
		StartDoc("getLastErrorDefaults").Int32("w", 1).Int32("wtimeout", 0).End().
		End().End()
	return nil
}

// cmdReplSetInitiate says that there is nothing to initiate, which set-up scripts take for
// success.
func cmdReplSetInitiate(context.Context, *Call) error {
	return mongoerr.New(mongoerr.AlreadyInitialized, "already initialized")
}
