package odm

import (
	"reflect"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Strict is what becomes of paths that the schema does not know.
type Strict uint8

// The strict modes. In updates the default is StrictDrop, in filters StrictKeep.
const (
	StrictDefault Strict = iota
	StrictDrop
	StrictKeep
	StrictThrow
)

func (s Strict) or(others ...Strict) Strict {
	for _, o := range others {
		if s != StrictDefault {
			return s
		}
		s = o
	}
	return s
}

// schemaConfig is what SchemaOptions set.
type schemaConfig struct {
	collection  string
	timestamps  bool
	createdAt   string
	updatedAt   string
	versionKey  string
	optimistic  func(paths []string) bool
	strict      Strict
	strictQuery Strict
	paths       []pathRule
	indexes     []mongo.IndexModel
	create      *options.CreateCollectionOptionsBuilder
	autoCreate  bool
	discrKey    string
	kind        string         // of a discriminator
	object      []ObjectOption // of ToObject
	json        []ObjectOption // of ToJSON
}

type pathRule struct {
	path string
	opts []PathOption
}

// SchemaOption is an option of a schema.
type SchemaOption func(*schemaConfig)

// Path adds rules to a path, for what tags cannot say.
func Path(path string, opts ...PathOption) SchemaOption {
	return func(c *schemaConfig) { c.paths = append(c.paths, pathRule{path, opts}) }
}

// Collection names the collection.
func Collection(name string) SchemaOption { return func(c *schemaConfig) { c.collection = name } }

// Timestamps keeps createdAt and updatedAt, in fields of those names if the struct has
// them, and in the stored document in any case.
func Timestamps() SchemaOption { return TimestampNames("createdAt", "updatedAt") }

// TimestampNames is Timestamps with other names; an empty one is not kept.
func TimestampNames(created, updated string) SchemaOption {
	return func(c *schemaConfig) { c.timestamps, c.createdAt, c.updatedAt = true, created, updated }
}

// VersionKey names the version key, "__v" by default; empty turns versions off.
func VersionKey(name string) SchemaOption { return func(c *schemaConfig) { c.versionKey = name } }

// OptimisticConcurrency makes every update check the version. With paths, only updates of
// one of them do, and arrays are not versioned otherwise.
func OptimisticConcurrency(paths ...string) SchemaOption {
	return func(c *schemaConfig) {
		c.optimistic = func(changed []string) bool { return len(paths) == 0 || overlapAny(changed, paths) }
	}
}

// OptimisticExcept makes updates check the version unless they change only these paths.
func OptimisticExcept(paths ...string) SchemaOption {
	return func(c *schemaConfig) {
		c.optimistic = func(changed []string) bool {
			for _, p := range changed {
				if !overlapAny([]string{p}, paths) {
					return true
				}
			}
			return false
		}
	}
}

// StrictMode is what becomes of unknown paths in updates.
func StrictMode(s Strict) SchemaOption { return func(c *schemaConfig) { c.strict = s } }

// StrictQuery is what becomes of unknown paths in filters.
func StrictQuery(s Strict) SchemaOption { return func(c *schemaConfig) { c.strictQuery = s } }

// CompoundIndex adds an index of several paths.
func CompoundIndex(keys bson.D, opts *options.IndexOptionsBuilder) SchemaOption {
	return func(c *schemaConfig) {
		c.indexes = append(c.indexes, mongo.IndexModel{Keys: keys, Options: opts})
	}
}

// CreateWith makes Init create the collection with options, such as capped, collation or time series.
func CreateWith(opts *options.CreateCollectionOptionsBuilder) SchemaOption {
	return func(c *schemaConfig) { c.create, c.autoCreate = opts, true }
}

// AutoCreate makes Init create the collection.
func AutoCreate() SchemaOption { return func(c *schemaConfig) { c.autoCreate = true } }

// DiscriminatorKey names the path that tells kinds apart, "__t" by default.
func DiscriminatorKey(name string) SchemaOption { return func(c *schemaConfig) { c.discrKey = name } }

// ObjectDefaults are options for every ToObject.
func ObjectDefaults(opts ...ObjectOption) SchemaOption {
	return func(c *schemaConfig) { c.object = append(c.object, opts...) }
}

// JSONDefaults are options for every ToJSON.
func JSONDefaults(opts ...ObjectOption) SchemaOption {
	return func(c *schemaConfig) { c.json = append(c.json, opts...) }
}

// Plugin applies a plugin: a function that returns options.
func Plugin(p func() []SchemaOption) SchemaOption {
	return func(c *schemaConfig) {
		for _, o := range p() {
			o(c)
		}
	}
}

// Schema is what a model knows of its documents beyond their struct. Models freeze it.
type Schema[T any] struct {
	opts     []SchemaOption
	hooks    hooks[T]
	virtuals virtuals[T]
	frozen   atomic.Bool
	late     []string // hooks that came after a model froze it
}

// NewSchema returns a schema for documents of type T.
func NewSchema[T any](opts ...SchemaOption) *Schema[T] {
	return &Schema[T]{opts: opts}
}

// Use applies a plugin that needs the type of the documents.
func (s *Schema[T]) Use(plugins ...func(*Schema[T])) *Schema[T] {
	for _, p := range plugins {
		p(s)
	}
	return s
}

// With adds options.
func (s *Schema[T]) With(opts ...SchemaOption) *Schema[T] {
	s.opts = append(s.opts, opts...)
	return s
}

// compile reads the struct, then the options, into one table.
func (s *Schema[T]) compile(inherited []SchemaOption) (*pathSet, *schemaConfig, []string) {
	cfg := &schemaConfig{versionKey: "__v", discrKey: "__t"}
	for _, o := range inherited {
		o(cfg)
	}
	for _, o := range s.opts {
		o(cfg)
	}
	c := &compiler{}
	t := reflect.TypeFor[T]()
	table := c.structure(t, "")
	for _, p := range cfg.paths {
		f := table.find(p.path)
		if f == nil {
			c.problem("%s: there is no such path", p.path)
			continue
		}
		for _, o := range p.opts {
			if f.kind != kindMixed || len(f.twins) == 0 {
				o(c, f)
			}
			for _, twin := range f.twins {
				o(c, twin)
			}
		}
	}
	if table.get("_id") == nil {
		c.problem("there is no field tagged `bson:\"_id\"`")
	}
	if cfg.optimistic != nil && cfg.versionKey == "" {
		c.problem("Must set `versionKey` if using `optimisticConcurrency`")
	}
	for _, name := range []string{cfg.createdAt, cfg.updatedAt} {
		f := table.get(name)
		if f == nil {
			continue
		}
		if f.kind != kindTime {
			c.problem("%s: a timestamp is a time", name)
		}
		f.rules.immutable = f.rules.immutable || name == cfg.createdAt
	}
	if s.frozen.Load() {
		c.problems = append(c.problems, s.late...)
	}
	table.finish()
	return table, cfg, c.problems
}

// finish computes what is known of a table only when all rules are.
func (s *pathSet) finish() {
	s.methods = methodsOf(s.typ)
	s.hooked = s.methods != 0
	s.unordered = s.extra != nil
	for _, f := range s.fields {
		leaf := f
		for leaf.elem != nil {
			leaf = leaf.elem
		}
		if below := leaf.finishBelow(); below != nil {
			s.checked = s.checked || below.checked || below.hasID
			s.hooked = s.hooked || below.hooked
			for e := f; e != nil; e = e.elem {
				e.defaulted = below.defaulted
			}
		}
		s.checked = s.checked || f.rules.any()
		s.defaulted = s.defaulted || f.defaulted || f.rules.hasDefault()
		s.unordered = s.unordered || f.unorderedBelow()
		if leaf.kind == kindRef {
			s.refs = append(s.refs, f)
		}
	}
	for _, m := range s.many {
		s.refs = append(s.refs, &field{name: m.name, path: m.name, goIdx: m.goIdx, kind: kindOther})
	}
}

// finishBelow finishes the tables of a sub-document; it returns nil if there is none.
func (f *field) finishBelow() *pathSet {
	if f.kind != kindOneOf {
		if f.sub != nil {
			f.sub.finish()
		}
		return f.sub
	}
	for _, kind := range f.kinds {
		kind.finish()
		f.sub.hooked = f.sub.hooked || kind.hooked
		f.sub.unordered = f.sub.unordered || kind.unordered
		f.sub.defaulted = f.sub.defaulted || kind.defaulted
		f.sub.hasID = f.sub.hasID || kind.hasID
	}
	f.sub.checked = true // the kind itself is checked
	return f.sub
}
