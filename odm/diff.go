package odm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// changes collects the update that turns a stored document into a struct's encoding, as
// elements of the update's operators.
type changes struct {
	set, unset, push, pull, pullAll, inc, addToSet []byte

	paths   []string // changed directly
	replace []string // arrays that are set as a whole
	where   bool     // the version matters to the update
	bump    bool     // the version grows

	forced, ignored map[string]struct{}
	atomics         map[string]atomicOp

	versionKey string
	immutable  []string // were changed, though they may not be
}

func (ch *changes) empty() bool { return len(ch.paths) == 0 }

// changed notes a path, and tells whether it is to be sent.
func (ch *changes) changed(path string) bool {
	for p := range ch.ignored {
		if covers(p, path) {
			return false
		}
	}
	ch.paths = append(ch.paths, path)
	return true
}

// covers tells whether path is at or below parent.
func covers(parent, path string) bool {
	return strings.HasPrefix(path, parent) && (len(path) == len(parent) || path[len(parent)] == '.')
}

// overlapAny tells whether one of the paths is at, above or below one of the others.
func overlapAny(paths, others []string) bool {
	for _, p := range paths {
		for _, o := range others {
			if covers(p, o) || covers(o, p) {
				return true
			}
		}
	}
	return false
}

func (ch *changes) setValue(path string, v bson.RawValue) {
	if ch.changed(path) {
		ch.set = appendRawElement(slices.Grow(ch.set, len(path)+2+len(v.Value)), path, v)
	}
}

func (ch *changes) unsetPath(path string) {
	if ch.changed(path) {
		ch.unset = bsoncore.AppendInt32Element(ch.unset, path, 1)
	}
}

// document compares two encodings of a struct or map. base is what the server holds, which
// tells whether an operator below a path would find a document there.
func (ch *changes) document(prefix string, s *pathSet, base, old, now []byte) error {
	oldRest, nowRest := old[4:len(old)-1], now[4:len(now)-1]
	inStep := true
	for len(nowRest) > 0 {
		key, v, more, err := nextElement(nowRest)
		if err != nil {
			return err
		}
		nowRest = more
		var was bson.RawValue
		found := false
		if inStep && len(oldRest) > 0 { // both are written by the same code: mostly the same keys in the same order
			k, ov, omore, err := nextElement(oldRest)
			if err != nil {
				return err
			}
			if found = bytes.Equal(k, key); found {
				was, oldRest = ov, omore
			}
		}
		if !found {
			inStep = false
			was, found = findElement(old, key)
		}
		if found && equalValues(was, v) && len(ch.forced) == 0 {
			continue
		}
		if err := ch.element(prefix, string(key), s, base, was, v); err != nil {
			return err
		}
	}
	if inStep && len(oldRest) == 0 {
		return nil
	}
	return elements(old, func(key []byte, _ bson.RawValue) error {
		if _, ok := findElement(now, key); !ok {
			ch.unsetPath(prefix + string(key))
		}
		return nil
	})
}

// element compares one field; was has type 0 if it was absent.
func (ch *changes) element(prefix, key string, s *pathSet, base []byte, was, now bson.RawValue) error {
	path := prefix + key
	f := s.get(key)
	same := equalValues(was, now)
	switch {
	case prefix == "" && key == ch.versionKey && key != "":
		return nil // kept by the ODM
	case prefix == "" && key == "_id" && !same && base != nil:
		return ErrIDChanged
	case f != nil && f.rules.immutable && !same && base != nil && !emptyValue(was):
		ch.immutable = append(ch.immutable, path)
		return nil
	}
	if _, ok := ch.forced[path]; ok {
		if now.Type == bson.TypeArray {
			ch.where, ch.bump = true, true
		}
		ch.setValue(path, now)
		return nil
	}
	if op, ok := ch.atomics[path]; ok && !same {
		done, err := ch.atomic(path, op, was, now)
		if done || err != nil {
			return err
		}
	}
	stored, _ := findElement(base, []byte(key))
	switch {
	case same && !ch.forcedBelow(path):
		return nil
	case was.Type == bson.TypeEmbeddedDocument && now.Type == bson.TypeEmbeddedDocument && ch.descends(f, stored, was, now):
		return ch.document(path+".", f.inner(), stored.Value, was.Value, now.Value)
	case was.Type == bson.TypeArray && now.Type == bson.TypeArray && (stored.Type == 0 || stored.Type == bson.TypeArray):
		if same {
			return ch.arrayForced(path, f, now)
		}
		return ch.array(path, f, was, now)
	}
	if !same {
		ch.setValue(path, now)
	}
	return nil
}

// inner is the table of a struct; of a map one for its values, found under any key.
func (f *field) inner() *pathSet {
	switch {
	case f == nil:
		return nil
	case f.kind == kindMap:
		return f.values
	}
	return f.sub
}

// emptyValue tells whether a path had nothing that could be immutable.
func emptyValue(v bson.RawValue) bool {
	switch v.Type {
	case 0, bson.TypeNull:
		return true
	case bson.TypeString:
		return len(v.Value) == 5
	}
	return false
}

func (ch *changes) forcedBelow(path string) bool {
	for p := range ch.forced {
		if covers(path, p) {
			return true
		}
	}
	return false
}

// descends tells whether the difference of two documents is sent by path. A mixed value is
// one value, and so is a map with keys that are no path.
func (ch *changes) descends(f *field, stored, was, now bson.RawValue) bool {
	if f == nil || (stored.Type != 0 && stored.Type != bson.TypeEmbeddedDocument) {
		return false
	}
	switch f.kind {
	case kindStruct, kindOneOf:
		return f.sameKind(was.Value, now.Value)
	case kindMap:
		return plainKeys(was.Value) && plainKeys(now.Value)
	}
	return false
}

func plainKeys(doc []byte) bool {
	plain := true
	_ = elements(doc, func(key []byte, _ bson.RawValue) error {
		plain = plain && len(key) > 0 && key[0] != '$' && bytes.IndexByte(key, '.') < 0
		return nil
	})
	return plain
}

// atomic sends a change as the operator that made it, if nothing else changed the value.
func (ch *changes) atomic(path string, op atomicOp, was, now bson.RawValue) (bool, error) {
	if !op.isAdd {
		if incremented(was, op.inc, now) {
			if ch.changed(path) {
				ch.inc = bsoncore.AppendInt64Element(ch.inc, path, op.inc)
			}
			return true, nil
		}
		return false, nil
	}
	added, err := arrayElements(bson.RawValue{Type: bson.TypeArray, Value: op.add})
	if err != nil {
		return false, err
	}
	before, err := arrayElements(was)
	if err != nil {
		return false, err
	}
	after, err := arrayElements(now)
	if err != nil {
		return false, err
	}
	if len(after) != len(before)+len(added) || !equalLists(after[:len(before)], before) || !equalLists(after[len(before):], added) {
		return false, nil
	}
	if ch.changed(path) {
		ch.addToSet = appendEach(ch.addToSet, path, added, -1)
		ch.bump = true
	}
	return true, nil
}

func incremented(was bson.RawValue, by int64, now bson.RawValue) bool {
	if f, ok := was.DoubleOK(); ok {
		g, ok := now.DoubleOK()
		return ok && f+float64(by) == g
	}
	var n int64
	if was.Type != 0 && was.Type != bson.TypeNull {
		var ok bool
		if n, ok = was.AsInt64OK(); !ok {
			return false
		}
	}
	m, ok := now.AsInt64OK()
	return ok && n+by == m
}

// update returns the update document, with the version's growth.
func (ch *changes) update(versionKey string, bump bool) bson.Raw {
	inc := ch.inc
	if bump {
		inc = bsoncore.AppendInt32Element(slices.Clip(inc), versionKey, 1)
	}
	ops := [...]struct {
		name  string
		elems []byte
	}{
		{"$set", ch.set},
		{"$unset", ch.unset},
		{"$push", ch.push},
		{"$addToSet", ch.addToSet},
		{"$pull", ch.pull},
		{"$pullAll", ch.pullAll},
		{"$inc", inc},
	}
	size := len(emptyDoc)
	for _, op := range ops {
		if len(op.elems) > 0 {
			size += len(op.name) + 2 + len(emptyDoc) + len(op.elems)
		}
	}
	start, dst := bsoncore.AppendDocumentStart(make([]byte, 0, size))
	for _, op := range ops {
		if len(op.elems) > 0 {
			dst = append(dst, byte(bson.TypeEmbeddedDocument))
			dst = append(dst, op.name...)
			dst = append(dst, 0)
			dst = appendDocument(dst, op.elems)
		}
	}
	dst, _ = bsoncore.AppendDocumentEnd(dst, start)
	return dst
}

// diffLeaves calls fn for every path at which two encodings differ, going into documents
// but not into arrays.
func diffLeaves(prefix string, a, b []byte, fn func(path string, a, b bson.RawValue)) {
	_ = elements(b, func(key []byte, bv bson.RawValue) error {
		av, _ := findElement(a, key)
		switch {
		case equalValues(av, bv):
		case av.Type == bson.TypeEmbeddedDocument && bv.Type == bson.TypeEmbeddedDocument:
			diffLeaves(prefix+string(key)+".", av.Value, bv.Value, fn)
		default:
			fn(prefix+string(key), av, bv)
		}
		return nil
	})
	_ = elements(a, func(key []byte, av bson.RawValue) error {
		if _, ok := findElement(b, key); !ok {
			fn(prefix+string(key), av, bson.RawValue{})
		}
		return nil
	})
}

// Changes is what Save would send.
type Changes struct {
	Update bson.Raw // empty if nothing changed
	Paths  []string // changed directly
	Where  bool     // the version is part of the filter
	Bump   bool     // the version grows
}

func (c *Changes) String() string { return fmt.Sprintf("%s %v", c.Update, c.Paths) }
