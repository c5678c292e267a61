package command

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/auth"
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// params are the settings of getParameter and setParameter that the command layer itself
// uses.
type params struct {
	requireAPI  atomic.Bool
	createInTxn atomic.Bool            // shouldMultiDocTxnCreateCollectionAndIndexes
	fcv         atomic.Pointer[string] // the feature compatibility version
	ttlEnabled  atomic.Bool
	ttlSleep    atomic.Int64 // seconds
	logLevel    atomic.Int64
	wakeTTL     chan struct{}
}

func (p *params) init() {
	p.createInTxn.Store(true)
	p.ttlEnabled.Store(true)
	p.ttlSleep.Store(60)
	p.wakeTTL = make(chan struct{}, 1)
	latest := fcvLatest
	p.fcv.Store(&latest)
}

// setFCV takes over a feature compatibility version.
func (s *Service) setFCV(v string) {
	s.params.fcv.Store(&v)
	s.creationChanged()
}

// creationChanged tells the store whether transactions may create collections.
func (s *Service) creationChanged() {
	v := *s.params.fcv.Load()
	s.store.NoCreation.Store(!s.params.createInTxn.Load() || v == "4.0" || v == "4.2")
}

// parameter is one setting. A parameter without set cannot change while the server runs.
type parameter struct {
	name string
	get  func(s *Service) bsonx.Value
	set  func(s *Service, v bsonx.Value) error
}

// parameters is the table of settings, ordered by name.
var parameters = []parameter{
	constant("TransactionRecordMinimumLifetimeMinutes", bsonx.Int32(30)),
	constant("allowDiskUseByDefault", bsonx.Bool(true)),
	{name: "authenticationMechanisms", get: func(*Service) bsonx.Value {
		return bsonx.NewBuilder(nil).Strings("v", auth.Mechanisms).Build().Lookup("v")
	}},
	whole("cursorTimeoutMillis", 1, 1<<40,
		func(s *Service) int64 { return time.Duration(s.sessions.Params.CursorTimeout.Load()).Milliseconds() },
		func(s *Service, n int64) {
			s.sessions.Params.CursorTimeout.Store(int64(time.Duration(n) * time.Millisecond))
		}),
	constant("enableMajorityReadConcern", bsonx.Bool(true)),
	{name: "enableTestCommands", get: func(s *Service) bsonx.Value { return bsonx.Bool(!s.cfg.NoTestCommands) }},
	{name: "featureCompatibilityVersion", get: func(s *Service) bsonx.Value {
		return bsonx.Document(bsonx.NewBuilder(nil).String("version", *s.params.fcv.Load()).Build())
	}},
	constant("internalPipelineLengthLimit", bsonx.Int32(1000)),
	{name: "localLogicalSessionTimeoutMinutes", get: func(s *Service) bsonx.Value {
		return bsonx.Int32(int32(s.sessions.Timeout() / time.Minute))
	}},
	whole("logLevel", 0, 5,
		func(s *Service) int64 { return s.params.logLevel.Load() },
		func(s *Service, n int64) { s.params.logLevel.Store(n) }),
	constant("maxAcceptableLogicalClockDriftSecs", bsonx.Int64(int64(maxClockDrift/time.Second))),
	constant("maxSessions", bsonx.Int32(1_000_000)),
	whole("maxTransactionLockRequestTimeoutMillis", -1, 1<<31-1,
		func(s *Service) int64 {
			return max(time.Duration(s.store.LockTimeout.Load()).Milliseconds(), -1)
		},
		func(s *Service, n int64) { s.store.LockTimeout.Store(int64(time.Duration(n) * time.Millisecond)) }),
	constant("minSnapshotHistoryWindowInSeconds", bsonx.Int32(300)),
	flagParameter("requireApiVersion", func(s *Service) *atomic.Bool { return &s.params.requireAPI }),
	constant("scramIterationCount", bsonx.Int32(10_000)),
	constant("scramSHA256IterationCount", bsonx.Int32(15_000)),
	flagParameter("shouldMultiDocTxnCreateCollectionAndIndexes", func(s *Service) *atomic.Bool { return &s.params.createInTxn }),
	whole("tandemEarlyStatementWaitMillis", 0, 60_000,
		func(s *Service) int64 { return time.Duration(s.sessions.Params.EarlyWait.Load()).Milliseconds() },
		func(s *Service, n int64) {
			s.sessions.Params.EarlyWait.Store(int64(time.Duration(n) * time.Millisecond))
		}),
	whole("transactionLifetimeLimitSeconds", 1, 1<<31-1,
		func(s *Service) int64 { return int64(time.Duration(s.sessions.Params.Lifetime.Load()) / time.Second) },
		func(s *Service, n int64) { s.sessions.SetLifetime(time.Duration(n) * time.Second) }),
	flagParameter("ttlMonitorEnabled", func(s *Service) *atomic.Bool { return &s.params.ttlEnabled }),
	whole("ttlMonitorSleepSecs", 1, 1<<31-1,
		func(s *Service) int64 { return s.params.ttlSleep.Load() },
		func(s *Service, n int64) {
			s.params.ttlSleep.Store(n)
			select {
			case s.params.wakeTTL <- struct{}{}:
			default:
			}
		}),
}

func constant(name string, v bsonx.Value) parameter {
	return parameter{name: name, get: func(*Service) bsonx.Value { return v }}
}

// whole is a parameter that is a whole number from lo to hi.
func whole(name string, lo, hi int64, get func(*Service) int64, set func(*Service, int64)) parameter {
	return parameter{
		name: name,
		get: func(s *Service) bsonx.Value {
			if hi < 1<<31 {
				return bsonx.Int32(int32(get(s)))
			}
			return bsonx.Int64(get(s))
		},
		set: func(s *Service, v bsonx.Value) error {
			n, ok := integer(v)
			if !ok {
				return mongoerr.New(mongoerr.BadValue, "Failed to set parameter '%s': expected a whole number, got %s", name, bsonx.Format(v))
			}
			if n < lo || n > hi {
				return mongoerr.New(mongoerr.BadValue, "Invalid value for parameter %s: %d is not in the range %d to %d", name, n, lo, hi)
			}
			set(s, n)
			return nil
		},
	}
}

func flagParameter(name string, at func(*Service) *atomic.Bool) parameter {
	return parameter{
		name: name,
		get:  func(s *Service) bsonx.Value { return bsonx.Bool(at(s).Load()) },
		set: func(s *Service, v bsonx.Value) error {
			if typeBit(v.Type)&BoolLike == 0 {
				return mongoerr.New(mongoerr.BadValue, "Failed to set parameter '%s': expected a boolean, got %s", name, bsonx.Format(v))
			}
			at(s).Store(v.Truthy())
			s.creationChanged()
			return nil
		},
	}
}

func findParameter(name string) *parameter {
	i, ok := slices.BinarySearchFunc(parameters, name, func(p parameter, name string) int { return strings.Compare(p.name, name) })
	if !ok {
		return nil
	}
	return &parameters[i]
}

// eachOption calls fn for every field of the command that is not generic.
func (c *Call) eachOption(fn func(key string, v bsonx.Value) error) error {
	it := c.Body.Iter()
	it.Next()
	for {
		key, v, ok := it.Next()
		if !ok {
			return nil
		}
		var g generic
		if generic, err := g.set(key, v, c.Conn); generic && err == nil {
			continue
		}
		if err := fn(key, v); err != nil {
			return err
		}
	}
}

// cmdGetParameter returns the named settings, or all.
func cmdGetParameter(_ context.Context, c *Call) error {
	_, first, _ := c.Body.First()
	details := first.Doc().Lookup("showDetails").Truthy()
	all := first.Str() == "*" || first.Doc().Lookup("allParameters").Truthy()
	found := false
	add := func(p *parameter) {
		found = true
		if !details {
			c.Reply.Value(p.name, p.get(c.Service))
			return
		}
		c.Reply.StartDoc(p.name).Value("value", p.get(c.Service)).
			Bool("settableAtRuntime", p.set != nil).Bool("settableAtStartup", false).End()
	}
	if all {
		for i := range parameters {
			add(&parameters[i])
		}
	} else if err := c.eachOption(func(key string, _ bsonx.Value) error {
		if p := findParameter(key); p != nil {
			add(p)
		}
		return nil
	}); err != nil {
		return err
	}
	if !found {
		return mongoerr.New(mongoerr.InvalidOptions, "no option found to get")
	}
	return nil
}

// cmdSetParameter changes settings. All are checked before the first one changes.
func cmdSetParameter(_ context.Context, c *Call) error {
	n := 0
	err := c.eachOption(func(key string, _ bsonx.Value) error {
		n++
		switch p := findParameter(key); {
		case p == nil:
			return mongoerr.New(mongoerr.InvalidOptions, "Unrecognized parameter, %s. Use getParameter: '*' for the list", key)
		case p.set == nil:
			return mongoerr.New(mongoerr.IllegalOperation, "not allowed to change [%s] at runtime", key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return mongoerr.New(mongoerr.InvalidOptions, "no option found to set, use help:true to see options ")
	}
	first := true
	return c.eachOption(func(key string, v bsonx.Value) error {
		p := findParameter(key)
		was := p.get(c.Service)
		if err := p.set(c.Service, v); err != nil {
			return err
		}
		if first {
			c.Reply.Value("was", was)
			first = false
		}
		return nil
	})
}

// versions are the feature compatibility versions. Those below 4.4 take away the creation of
// collections inside transactions; the others change nothing.
var versions = []string{"4.0", "4.2", "4.4", "5.0", "6.0", "7.0", "8.0"}

const fcvSetting = "featureCompatibilityVersion"

// cmdSetFCV sets the feature compatibility version.
func cmdSetFCV(ctx context.Context, c *Call) error {
	_, first, _ := c.Body.First()
	version := strings.Clone(first.Str())
	switch {
	case first.Type != bsonx.TypeString:
		return wrongType("setFeatureCompatibilityVersion.setFeatureCompatibilityVersion", first.Type, String)
	case !slices.Contains(versions, version):
		return mongoerr.New(mongoerr.BadValue, "Invalid feature compatibility version value '%s'; expected one of '%s'", version, strings.Join(versions, "', '"))
	case version >= "7.0" && !c.Arg("confirm").Truthy():
		return mongoerr.New(7369100, "Changing the feature compatibility version needs confirmation: please run this command again with confirm: true")
	}
	if err := c.Service.saveSetting(ctx, fcvSetting, bsonx.NewBuilder(nil).String("version", version).Build()); err != nil {
		return err
	}
	c.Service.setFCV(version)
	return nil
}

func (s *Service) loadFCV(ctx context.Context) error {
	d, err := s.readSetting(ctx, fcvSetting)
	if err != nil || d == nil {
		return err
	}
	s.setFCV(d.Lookup("version").Str())
	return nil
}
