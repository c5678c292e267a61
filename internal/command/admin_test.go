package command_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/command"
	"github.com/tandemdb/tandem/internal/wire"
)

// The commands that mongosh and Compass send before a user has typed anything.
func TestStartupProbes(t *testing.T) {
	c := newServer(t, func(cfg *command.Config) {
		cfg.Argv = []string{"tandem", "serve"}
		cfg.LogLines = func() []string { return []string{"{}"} }
	}).connect()
	for _, cmd := range []bson.D{
		d("ping", 1), d("buildInfo", 1), d("buildinfo", 1), d("getLog", "startupWarnings"), d("getLog", "global"), d("getLog", "*"),
		d("connectionStatus", 1, "showPrivileges", true), d("getCmdLineOpts", 1), d("hostInfo", 1), d("serverStatus", 1),
		d("top", 1), d("currentOp", 1, "$all", true), d("listCommands", 1), d("whatsmyuri", 1), d("replSetGetStatus", 1),
		d("replSetGetConfig", 1), d("getDefaultRWConcern", 1), d("listDatabases", 1, "nameOnly", true),
		d("getDiagnosticData", 1), d("usersInfo", 1), d("fsync", 1), d("profile", -1), d("startSession", 1),
		d("getParameter", 1, "featureCompatibilityVersion", 1), d("getParameter", "*"),
		d("getParameter", d("allParameters", true, "showDetails", true)),
	} {
		c.run("admin", cmd).ok()
	}
	for _, tc := range []struct {
		cmd  bson.D
		code int32
	}{
		{d("atlasVersion", 1), 59},
		{d("getFreeMonitoringStatus", 1), 59},
		{d("isdbgrid", 1), 59},
		{d("geoSearch", 1), 59},
		{d("replSetInitiate", d()), 23},
		{d("getParameter", 1, "nope", 1), 72},
		{d("setParameter", 1, "nope", 1), 72},
		{d("setParameter", 1, "enableTestCommands", 1), 20},
		{d("createSearchIndexes", "c"), 31082},
		{d("profile", 2), 238},
		{d("shutdown", 1), 20},
	} {
		c.run("admin", tc.cmd).fails(tc.code)
	}
	r := c.run("admin", d("buildInfo", 1))
	hello := c.run("admin", d("hello", 1))
	require.EqualValues(t, 25, hello.int("maxWireVersion"))
	require.Equal(t, command.Version, r.Lookup("version").StringValue())
	require.Equal(t, `"8.0"`, c.run("admin", d("getParameter", 1, "featureCompatibilityVersion", 1)).Lookup("featureCompatibilityVersion", "version").String())
}

func TestSetParameter(t *testing.T) {
	c := newServer(t).connect()
	r := c.run("admin", d("setParameter", 1, "transactionLifetimeLimitSeconds", 3)).ok()
	require.EqualValues(t, 60, r.int("was"))
	require.EqualValues(t, 3, c.run("admin", d("getParameter", 1, "transactionLifetimeLimitSeconds", 1)).int("transactionLifetimeLimitSeconds"))
	c.run("admin", d("setParameter", 1, "transactionLifetimeLimitSeconds", 0)).fails(2)
	c.run("admin", d("setParameter", 1, "maxTransactionLockRequestTimeoutMillis", -1)).ok()
	require.EqualValues(t, -1, c.run("admin", d("getParameter", 1, "maxTransactionLockRequestTimeoutMillis", 1)).int("maxTransactionLockRequestTimeoutMillis"))
	c.run("db", d("setParameter", 1, "logLevel", 0)).fails(13)
}

func TestUsersSurviveRestart(t *testing.T) {
	s := newServer(t)
	c := s.connect()
	c.run("admin", d("createUser", "ann", "pwd", "secret", "roles", bson.A{"root"})).ok()
	c.run("admin", d("createUser", "ann", "pwd", "secret", "roles", bson.A{})).fails(51003)
	c.run("admin", d("createUser", "bob", "roles", bson.A{})).fails(2)
	s.restart()
	c = s.connect()
	users, err := c.run("admin", d("usersInfo", "ann")).ok().Lookup("users").Array().Values()
	require.NoError(t, err)
	require.Len(t, users, 1)
	_, err = users[0].Document().LookupErr("credentials")
	require.Error(t, err)
	mechs := c.run("admin", d("hello", 1, "saslSupportedMechs", "admin.ann")).ok().Lookup("saslSupportedMechs").String()
	require.JSONEq(t, `["SCRAM-SHA-1","SCRAM-SHA-256"]`, mechs)
	c.run("admin", d("dropUser", "ann")).ok()
	c.run("admin", d("dropUser", "ann")).fails(11)
}

func TestAuthenticationIsRequired(t *testing.T) {
	s := newServer(t, func(cfg *command.Config) { cfg.AuthRequired = true })
	c := s.connect()
	c.run("admin", d("ping", 1)).ok()
	c.run("admin", d("hello", 1)).ok()
	c.run("db", d("listCollections", 1)).fails(13)
	c.run("admin", d("saslStart", 1, "mechanism", "SCRAM-SHA-256", "payload", []byte("n,,n=ann,r=x"))).fails(18)
	c.run("admin", d("saslStart", 1, "mechanism", "PLAIN", "payload", []byte{0})).fails(334)
	c.run("admin", d("saslContinue", 1, "conversationId", 1, "payload", []byte{})).fails(17)
}

func TestKillOpAndCurrentOp(t *testing.T) {
	s := newServer(t)
	admin, victim := s.connect(), s.connect()
	admin.run("admin", d("configureFailPoint", "failCommand", "mode", "alwaysOn",
		"data", d("failCommands", bson.A{"listCollections"}, "blockConnection", true, "blockTimeMS", 60_000))).ok()
	done := make(chan reply)
	go func() { done <- victim.run("db", d("listCollections", 1, "comment", "slow one")) }()
	var opid int64
	require.Eventually(t, func() bool {
		ops, err := admin.run("admin", d("currentOp", 1, "command.comment", "slow one")).ok().Lookup("inprog").Array().Values()
		require.NoError(t, err)
		if len(ops) == 1 {
			opid = ops[0].Document().Lookup("opid").AsInt64()
		}
		return len(ops) == 1
	}, waitFor, tick)
	admin.run("admin", d("killOp", 1, "op", opid)).ok()
	(<-done).fails(11601)
}

func TestMaxTimeMS(t *testing.T) {
	c := newServer(t).connect()
	c.run("admin", d("configureFailPoint", "failCommand", "mode", d("times", 1),
		"data", d("failCommands", bson.A{"listCollections"}, "blockConnection", true, "blockTimeMS", 60_000))).ok()
	c.run("db", d("listCollections", 1, "maxTimeMS", 10)).fails(50)
	c.run("db", d("listCollections", 1, "maxTimeMS", -1)).fails(2)
	c.run("db", d("listCollections", 1, "maxTimeMS", 1.5)).fails(2)
	c.run("db", d("listCollections", 1, "maxTimeMS", "1")).fails(14)
}

func TestArgumentsAreStrict(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("listCollections", 1, "nope", 1)).fails(40415)
	c.run("db", d("listCollections", 1, "filter", 1)).fails(14)
	c.run("db", d("listCollections", 1, "filter", nil)).ok()
	c.run("db", d("listCollections", 1, "filter", d(), "filter", d())).fails(40413)
	c.run("db", d("createIndexes", "c")).fails(40414)
	c.run("db", d("listIndexes", 1)).fails(73)
	c.run("db", d("nope", 1)).fails(59)
	c.run("a.b", d("listCollections", 1)).fails(73)
	c.run("", d("listCollections", 1)).fails(40571)
	c.send(context.Background(), &wire.Message{OpCode: wire.OpMsg}, d("ping", 1)).fails(40571)
	c.run("db", d("listCollections", 1, "writeConcern", d("w", 1))).fails(72)
	m := &wire.Message{OpCode: wire.OpMsg, Sequences: []wire.Sequence{{ID: "documents"}}}
	c.send(context.Background(), m, d("ping", 1, "$db", "db")).fails(40472)
}

func TestVersionedAPI(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("ping", 1, "apiVersion", "1", "apiStrict", true)).ok()
	c.run("db", d("ping", 1, "apiVersion", "2")).fails(322)
	c.run("db", d("ping", 1, "apiStrict", true)).fails(4886600)
	c.run("admin", d("serverStatus", 1, "apiVersion", "1", "apiStrict", true)).fails(323)
	c.run("admin", d("setParameter", 1, "requireApiVersion", true)).ok()
	c.run("db", d("listCollections", 1)).fails(498870)
	c.run("admin", d("setParameter", 1, "requireApiVersion", false, "apiVersion", "1")).ok()
	c.run("db", d("listCollections", 1)).ok()
}

func TestClusterTime(t *testing.T) {
	c := newServer(t).connect()
	r := c.run("db", d("create", "c")).ok()
	t1, i1 := r.Lookup("operationTime").Timestamp()
	future := bson.Timestamp{T: t1 + 1000, I: 1}
	c.run("db", d("ping", 1, "$clusterTime", d("clusterTime", future))).ok()
	r = c.run("db", d("listCollections", 1, "$clusterTime", d("clusterTime", future))).ok()
	t2, _ := r.Lookup("$clusterTime", "clusterTime").Timestamp()
	require.Equal(t, future.T, t2)
	c.run("db", d("listCollections", 1, "readConcern", d("afterClusterTime", bson.Timestamp{T: t1, I: i1}))).ok()
	c.run("db", d("listCollections", 1, "readConcern", d("afterClusterTime", bson.Timestamp{T: t1 + 2000, I: 1}))).fails(72)
	far := bson.Timestamp{T: t1 + 2*365*24*3600, I: 1}
	c.run("db", d("listCollections", 1, "$clusterTime", d("clusterTime", far))).fails(205)
}

func TestWriteConcern(t *testing.T) {
	c := newServer(t).connect()
	r := c.run("db", d("create", "a", "writeConcern", d("w", 2))).ok()
	require.EqualValues(t, 100, r.int("writeConcernError.code"))
	require.EqualValues(t, 2, r.int("writeConcernError.errInfo.writeConcern.w"))
	r = c.run("db", d("create", "b", "writeConcern", d("w", "dc"))).ok()
	require.EqualValues(t, 79, r.int("writeConcernError.code"))
	require.False(t, c.run("db", d("create", "c", "writeConcern", d("w", "majority", "j", true))).ok().has("writeConcernError"))
	c.run("db", d("create", "d", "writeConcern", d("w", 51))).fails(9)
	c.run("db", d("create", "d", "writeConcern", d("w", true))).fails(9)
	m := &wire.Message{OpCode: wire.OpMsg, Flags: wire.MoreToCome}
	require.Equal(t, command.ActionNone, c.send(context.Background(), m, d("create", "e", "writeConcern", d("w", 0), "$db", "db")).action)
}

func TestListSessions(t *testing.T) {
	c := newServer(t).connect()
	c.run("admin", d("ping", 1, "lsid", lsid(5))).ok()
	c.run("admin", d("refreshLogicalSessionCacheNow", 1)).ok()
	c.run("admin", d("reapLogicalSessionCacheNow", 1)).ok()
	for _, tc := range []struct {
		db   string
		coll any
		opts bson.D
		code int32
	}{
		{"config", "system.sessions", d(), 0},
		{"config", "system.sessions", d("users", bson.A{d("user", "", "db", "")}), 0},
		{"config", "system.sessions", d("allUsers", true), 0},
		{"config", "system.sessions", d("nope", true), 40415},
		{"admin", "system.collections", d(), 73},
		{"db", "c", d(), 73},
	} {
		r := c.run(tc.db, d("aggregate", tc.coll, "pipeline", bson.A{d("$listSessions", tc.opts)}, "cursor", d()))
		if tc.code != 0 {
			r.fails(tc.code)
			continue
		}
		docs := batch(r.ok())
		require.Len(t, docs, 1)
		_, id := docs[0].Lookup("_id", "id").Binary()
		require.EqualValues(t, 5, id[15])
	}
}
