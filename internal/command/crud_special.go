package command

import (
	"context"
	"os"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/agg"
	"github.com/tandemdb/tandem/internal/session"
)

// specialStage makes the documents of a stage that reports on the server itself.
type specialStage func(ctx context.Context, c *Call, spec bsonx.Doc) ([]bsonx.Doc, error)

// specialStages is the table of these stages.
var specialStages = map[string]specialStage{
	"$collStats":         stageCollStats,
	"$currentOp":         stageCurrentOp,
	"$indexStats":        stageIndexStats,
	"$listLocalSessions": stageListSessions,
	"$listSearchIndexes": func(ctx context.Context, c *Call, _ bsonx.Doc) ([]bsonx.Doc, error) {
		return nil, cmdSearchIndexes(ctx, c)
	},
	"$listSessions":   stageListSessions,
	"$planCacheStats": stagePlanCacheStats,
}

// special opens the stages that report on the server itself.
func (c *Call) special(ctx context.Context, stage string, spec bsonx.Doc) (agg.Iterator, error) {
	if err := c.strictStage(stage, spec); err != nil {
		return nil, err
	}
	docs, err := specialStages[stage](ctx, c, spec)
	if err != nil {
		return nil, err
	}
	return &listSource{docs}, nil
}

// strictStage refuses a stage that is not in the versioned API, where the client wants that.
func (c *Call) strictStage(stage string, spec bsonx.Doc) error {
	if c.gen.api.Strict != session.APITrue {
		return nil
	}
	if key, _, _ := spec.First(); stage == "$collStats" && key == "count" && spec.Count() == 1 {
		return nil
	}
	return mongoerr.New(mongoerr.APIStrictError, "stage %s is not allowed with 'apiStrict: true' in API Version 1", stage)
}

// stageOptions reads the boolean options of a stage and refuses others.
func stageOptions(stage string, spec bsonx.Doc, known map[string]*bool) error {
	for it := spec.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return nil
		}
		dst, ok := known[key]
		if !ok {
			return mongoerr.New(mongoerr.FailedToParse, "Unrecognized option '%s' in %s stage.", key, stage)
		}
		if v.Type != bsonx.TypeBool {
			return mongoerr.New(mongoerr.FailedToParse, "The '%s' parameter of the %s stage must be a boolean value, but found: %s", key, stage, v.Type)
		}
		if dst != nil {
			*dst = v.Bool()
		}
	}
}

func stageCurrentOp(_ context.Context, c *Call, spec bsonx.Doc) ([]bsonx.Doc, error) {
	if c.DB != "admin" || c.coll != "" {
		return nil, mongoerr.New(mongoerr.InvalidNamespace, "$currentOp must be run against the 'admin' database with {aggregate: 1}")
	}
	o := OpsOptions{IdleSessions: true}
	err := stageOptions("$currentOp", spec, map[string]*bool{
		"allUsers": &o.AllUsers, "idleConnections": &o.IdleConnections, "idleCursors": &o.IdleCursors,
		"idleSessions": &o.IdleSessions, "localOps": nil, "truncateOps": nil, "backtrace": nil, "targetAllNodes": nil,
	})
	if err != nil {
		return nil, err
	}
	return c.CurrentOps(o), nil
}

// stageListSessions lists what this server knows: as its own with $listLocalSessions, and as the
// content of the collection that MongoDB writes them to with $listSessions.
func stageListSessions(_ context.Context, c *Call, spec bsonx.Doc) ([]bsonx.Doc, error) {
	if c.coll != "" && c.ns != "config.system.sessions" {
		return nil, mongoerr.New(mongoerr.InvalidNamespace, "$listSessions may only be run against config.system.sessions")
	}
	all := false
	users := make(map[[32]byte]bool)
	for it := spec.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		switch {
		case key == "allUsers" && v.Type == bsonx.TypeBool:
			all = v.Bool()
		case key == "users" && v.Type == bsonx.TypeArray:
			for e := v.Doc().Iter(); ; {
				_, u, more := e.Next()
				if !more {
					break
				}
				users[session.UserDigest(u.Doc().Lookup("user").Str(), u.Doc().Lookup("db").Str())] = true
			}
		default:
			return nil, unknownField("$listSessions", key)
		}
	}
	if len(users) == 0 {
		users[c.Conn.userDigest()] = true
	}
	var docs []bsonx.Doc
	for _, s := range c.Service.sessions.Sessions() {
		if !all && !users[s.ID.User] {
			continue
		}
		b := bsonx.NewBuilder(nil)
		s.ID.Append(b, "_id")
		docs = append(docs, b.Value("lastUse", bsonx.Time(s.LastUse)).Build())
	}
	return docs, nil
}

func stageIndexStats(_ context.Context, c *Call, spec bsonx.Doc) ([]bsonx.Doc, error) {
	if !spec.IsEmpty() {
		return nil, mongoerr.New(28803, "The $indexStats stage specification must be an empty object")
	}
	coll := c.collection()
	if coll == nil {
		return nil, nil
	}
	host, _ := os.Hostname()
	var docs []bsonx.Doc
	for _, x := range coll.Indexes {
		docs = append(docs, bsonx.NewBuilder(nil).
			String("name", x.Name).
			Doc("key", x.Pattern).
			String("host", host).
			StartDoc("accesses").
			Int64("ops", x.State.Ops.Load()).
			Value("since", bsonx.DateTime(x.State.Since)).
			End().
			Doc("spec", x.Spec).
			Build())
	}
	return docs, nil
}

// stagePlanCacheStats shows nothing, because plans are made anew for every query.
func stagePlanCacheStats(context.Context, *Call, bsonx.Doc) ([]bsonx.Doc, error) { return nil, nil }

func stageCollStats(ctx context.Context, c *Call, spec bsonx.Doc) ([]bsonx.Doc, error) {
	host, _ := os.Hostname()
	b := bsonx.NewBuilder(nil).String("ns", c.ns).String("host", host).Value("localTime", bsonx.Time(c.start))
	coll := c.collection()
	for it := spec.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return []bsonx.Doc{b.Build()}, nil
		}
		if v.Type != bsonx.TypeDocument {
			return nil, mongoerr.New(mongoerr.TypeMismatch, "BSON field '$collStats.%s' is the wrong type '%s', expected type 'object'", key, v.Type)
		}
		if err := c.appendCollStat(ctx, b, coll, key, v.Doc()); err != nil {
			return nil, err
		}
	}
}

// appendCollStat adds one of the things that $collStats can tell.
func (c *Call) appendCollStat(ctx context.Context, b *bsonx.Builder, coll *catalog.Collection, what string, arg bsonx.Doc) error {
	if coll != nil && coll.IsView() && what != "latencyStats" {
		return mongoerr.New(mongoerr.CommandNotSupportedOnView, "Namespace %s is a view, not a collection", c.ns)
	}
	switch what {
	case "count":
		if coll == nil {
			return mongoerr.New(mongoerr.NamespaceNotFound, "Unable to retrieve count in $collStats stage :: caused by :: Collection [%s] not found.", c.ns)
		}
		n, err := c.Store().Count(ctx, coll)
		b.Int64("count", n)
		return err
	case "storageStats":
		scale := int64(1)
		if v := arg.Lookup("scale"); !v.IsMissing() {
			if scale, _ = integer(v); scale < 1 {
				return mongoerr.New(mongoerr.BadValue, "scale has to be a number > 0")
			}
		}
		b.StartDoc("storageStats")
		err := c.AppendCollStats(ctx, b, coll, scale)
		b.End()
		return err
	case "latencyStats":
		b.StartDoc("latencyStats")
		var u *catalog.Usage
		if coll != nil && !coll.IsView() {
			u = &coll.State.Usage
		}
		appendLatencies(b, u)
		b.End()
		return nil
	case "queryExecStats":
		b.StartDoc("queryExecStats").StartDoc("collectionScans").Int64("total", 0).Int64("nonTailable", 0).End().End()
		return nil
	}
	return unknownField("$collStats", what)
}
