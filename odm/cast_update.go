package odm

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// updateOperand says how the operand of an update operator is cast for its path.
type updateOperand uint8

const (
	updValue   updateOperand = iota // a value of the path
	updElement                      // an element of the array, or {$each: [...]}
	updPull                         // an element, or a condition on it
	updAsIs
)

var updateOperators = map[string]updateOperand{
	"$set": updValue, "$setOnInsert": updValue, "$inc": updValue, "$mul": updValue, "$min": updValue, "$max": updValue,
	"$unset": updAsIs, "$rename": updAsIs, "$currentDate": updAsIs, "$bit": updAsIs, "$pop": updAsIs,
	"$push": updElement, "$addToSet": updElement, "$pull": updPull, "$pullAll": updValue,
}

// updateCast casts an update by the schema.
type updateCast[T any] struct {
	m      *Model[T]
	strict Strict
	ops    []element // operator and its document's elements, wrapped
}

// castUpdate casts an update document: keys without "$" move into $set, unknown and
// immutable paths are dropped, kept or refused, timestamps are added. With upsert it adds
// what an insert has, and the defaults of paths that the filters do not set.
func (m *Model[T]) castUpdate(update bson.Raw, cfg *updateConfig, filters []bson.Raw) (bson.Raw, error) {
	c := &updateCast[T]{m: m, strict: cfg.strict.or(m.strict())}
	var plain []byte
	err := elements(update, func(key []byte, v bson.RawValue) error {
		name := string(key)
		if !strings.HasPrefix(name, "$") {
			plain = appendRawElement(plain, name, v)
			return nil
		}
		if v.Type != bson.TypeEmbeddedDocument {
			c.ops = append(c.ops, element{name, v}) // the server has the better words for it
			return nil
		}
		return c.operator(name, v.Value)
	})
	if err == nil && plain != nil {
		err = c.operator("$set", document(plain))
	}
	if err != nil {
		return nil, err
	}
	if !cfg.noTimestamps {
		c.timestamps(cfg.upsert)
	}
	if cfg.upsert {
		if err := c.onInsert(filters); err != nil {
			return nil, err
		}
	}
	var dst []byte
	for _, op := range c.ops {
		if len(op.v.Value) > len(emptyDoc) {
			dst = appendRawElement(dst, op.key, op.v)
		}
	}
	return document(dst), nil
}

// operator casts the paths of one operator.
func (c *updateCast[T]) operator(name string, doc []byte) error {
	how, known := updateOperators[name]
	if !known {
		how = updAsIs
	}
	var dst []byte
	err := elements(doc, func(key []byte, v bson.RawValue) error {
		path := c.m.pathOf(string(key))
		f := c.m.table.find(path)
		keep, err := c.allowed(name, path, f)
		if err != nil || !keep {
			return err
		}
		out, err := c.operand(how, path, f, v)
		dst = appendRawElement(dst, path, out)
		return err
	})
	c.add(name, dst)
	return err
}

// add adds elements to an operator.
func (c *updateCast[T]) add(name string, elems []byte) {
	if len(elems) == 0 {
		return
	}
	for i := range c.ops {
		if c.ops[i].key == name {
			c.ops[i].v.Value = withElements(c.ops[i].v.Value, elems)
			return
		}
	}
	c.ops = append(c.ops, element{name, bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: document(elems)}})
}

// touches tells whether an operator has the path, or one above or below it.
func (c *updateCast[T]) touches(path string) bool {
	for _, op := range c.ops {
		for _, e := range listElements(op.v.Value) {
			if covers(e.key, path) || covers(path, e.key) {
				return true
			}
		}
	}
	return false
}

// allowed applies the strict mode and immutability to a path.
func (c *updateCast[T]) allowed(op, path string, f *field) (bool, error) {
	if f == nil && !c.m.known(path) {
		switch c.strict {
		case StrictThrow:
			return false, &StrictError{Model: c.m.name, Path: path, Where: "update"}
		case StrictDrop:
			return false, nil
		}
	}
	if c.m.discr != nil && path == c.m.discr.key {
		return false, nil
	}
	if f != nil && f.rules.immutable && op != "$setOnInsert" {
		if c.strict == StrictThrow {
			return false, &StrictError{Model: c.m.name, Path: path, Where: "update", What: "is immutable"}
		}
		return false, nil
	}
	return true, nil
}

func (c *updateCast[T]) operand(how updateOperand, path string, f *field, v bson.RawValue) (bson.RawValue, error) {
	if f == nil || how == updAsIs {
		return v, nil
	}
	name := c.m.name
	switch {
	case how == updValue:
		out, err := castTo(name, path, f, v)
		return c.m.giveIDs(f, out), err
	case f.kind != kindSlice:
		return v, nil
	case how == updElement && v.Type == bson.TypeEmbeddedDocument && hasOperators(v.Value):
		var dst []byte
		err := elements(v.Value, func(key []byte, e bson.RawValue) error {
			out := e
			var err error
			if string(key) == "$each" {
				out, err = castTo(name, path, f, e)
				out = c.m.giveIDs(f, out)
			}
			dst = appendRawElement(dst, string(key), out)
			return err
		})
		return bson.RawValue{Type: v.Type, Value: document(dst)}, err
	case how == updPull && v.Type == bson.TypeEmbeddedDocument:
		if hasOperators(v.Value) {
			return c.m.castOperators(path, f.elem, v)
		}
		return c.m.castElement(path, f.elem, v)
	}
	out, err := castTo(name, path, f.elem.withRules(f), v)
	return c.m.giveIDs(f.elem, out), err
}

// giveIDs gives new sub-documents an _id.
func (m *Model[T]) giveIDs(f *field, v bson.RawValue) bson.RawValue {
	switch {
	case f.kind == kindSlice && v.Type == bson.TypeArray && f.elem.holdsDocuments() && f.elem.sub.hasID:
		list, err := arrayElements(v)
		if err != nil {
			return v
		}
		for i := range list {
			list[i] = m.giveIDs(f.elem, list[i])
		}
		return arrayOf(list)
	case f.holdsDocuments() && v.Type == bson.TypeEmbeddedDocument:
		set := f.tableOf(v.Value)
		if id := set.get("_id"); id == nil || id.typ != typeObjectID {
			return v
		}
		if _, ok := findElement(v.Value, []byte("_id")); !ok {
			elems := bsoncore.AppendObjectIDElement(nil, "_id", m.conn.opts.NewID())
			v.Value = document(append(elems, v.Value[4:len(v.Value)-1]...))
		}
	}
	return v
}

// onInsert adds the version and the defaults that an insert has.
func (c *updateCast[T]) onInsert(filters []bson.Raw) error {
	if key := c.m.cfg.versionKey; key != "" && !c.touches(key) {
		c.add("$setOnInsert", bsoncore.AppendInt32Element(nil, key, 0))
	}
	if len(c.m.defaults) == 0 {
		return nil
	}
	var given []string
	for _, f := range filters {
		given = c.m.equalPaths(given, f)
	}
	return c.defaults(c.m.table, given)
}

// defaults adds those of a struct that neither the update nor the filter sets.
func (c *updateCast[T]) defaults(set *pathSet, given []string) error {
	for _, f := range set.fields {
		if f.kind == kindStruct && !f.opt && f.defaulted {
			if err := c.defaults(f.sub, given); err != nil {
				return err
			}
			continue
		}
		if !f.rules.hasDefault() || c.touches(f.path) || overlapAny(given, []string{f.path}) {
			continue
		}
		v, err := rawValue(c.m.defaultOf(f))
		if err != nil {
			return err
		}
		c.add("$setOnInsert", appendRawElement(nil, f.path, v))
	}
	return nil
}

// equalPaths adds the paths that a filter compares with one value, which an upsert stores.
func (m *Model[T]) equalPaths(dst []string, filter bson.Raw) []string {
	for _, e := range listElements(filter) {
		switch {
		case e.key == "$and" && e.v.Type == bson.TypeArray:
			for _, inner := range listElements(e.v.Value) {
				if inner.v.Type == bson.TypeEmbeddedDocument {
					dst = m.equalPaths(dst, inner.v.Value)
				}
			}
		case e.key == "" || e.key[0] == '$':
		case e.v.Type == bson.TypeEmbeddedDocument && hasOperators(e.v.Value):
			if _, ok := findElement(e.v.Value, []byte("$eq")); ok {
				dst = append(dst, m.pathOf(e.key))
			}
		default:
			dst = append(dst, m.pathOf(e.key))
		}
	}
	return dst
}

// stampPipeline adds the timestamp to an update that is a pipeline.
func (m *Model[T]) stampPipeline(pipeline bson.RawValue, cfg *updateConfig) (any, error) {
	stages, err := stagesOf(pipeline)
	if err != nil {
		return nil, &OpError{Model: m.name, Op: "update", cause: err}
	}
	if name := m.cfg.updatedAt; m.cfg.timestamps && name != "" && !cfg.noTimestamps {
		set := bsoncore.AppendTimeElement(nil, name, m.now())
		stage := bsoncore.AppendDocumentElement(nil, "$set", bsoncore.Document(document(set)))
		stages = append(stages, document(stage))
	}
	return stages, nil
}

// timestamps adds updatedAt, and createdAt for an insert.
func (c *updateCast[T]) timestamps(upsert bool) {
	cfg := c.m.cfg
	if !cfg.timestamps || len(c.ops) == 0 {
		return
	}
	now := c.m.now()
	if name := cfg.updatedAt; name != "" && !c.has("$currentDate", name) {
		c.drop(name)
		c.add("$set", bsoncore.AppendTimeElement(nil, name, now))
	}
	if name := cfg.createdAt; name != "" {
		if c.drop(name); upsert {
			c.add("$setOnInsert", bsoncore.AppendTimeElement(nil, name, now))
		}
	}
}

func (c *updateCast[T]) has(op, path string) bool {
	for _, o := range c.ops {
		if o.key == op {
			_, ok := findElement(o.v.Value, []byte(path))
			return ok
		}
	}
	return false
}

// drop removes a path from all operators.
func (c *updateCast[T]) drop(path string) {
	for i, op := range c.ops {
		if _, ok := findElement(op.v.Value, []byte(path)); ok {
			var dst []byte
			for _, e := range listElements(op.v.Value) {
				if e.key != path {
					dst = appendRawElement(dst, e.key, e.v)
				}
			}
			c.ops[i].v.Value = document(dst)
		}
	}
}
