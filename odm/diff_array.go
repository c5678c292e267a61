package odm

import (
	"bytes"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

func arrayElements(v bson.RawValue) ([]bson.RawValue, error) {
	return tailElements(v, 0)
}

// tailElements returns the elements of an array behind its first ones, which take up skip bytes.
func tailElements(v bson.RawValue, skip int) ([]bson.RawValue, error) {
	var out []bson.RawValue
	if len(v.Value) < len(emptyDoc)+skip {
		return nil, nil
	}
	err := elements(v.Value[skip:], func(_ []byte, e bson.RawValue) error {
		out = append(out, e)
		return nil
	})
	return out, err
}

func equalLists(a, b []bson.RawValue) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equalValues(a[i], b[i]) {
			return false
		}
	}
	return true
}

// array finds the smallest operator that makes one array of the other; the first rule
// that fits is used.
func (ch *changes) array(path string, f *field, was, now bson.RawValue) error {
	if kept := was.Value[:len(was.Value)-1]; len(now.Value) > len(was.Value) && bytes.HasPrefix(now.Value[4:], kept[4:]) && !ch.forcedBelow(path) {
		tail, err := tailElements(now, len(kept)-4)
		if err != nil {
			return err
		}
		ch.pushAt(path, tail, -1)
		return nil
	}
	old, err := arrayElements(was)
	if err != nil {
		return err
	}
	cur, err := arrayElements(now)
	if err != nil {
		return err
	}
	grown := len(cur) - len(old)
	switch {
	case ch.forcedBelow(path):
	case grown > 0 && equalLists(cur[grown:], old):
		ch.pushAt(path, cur[:grown], 0)
		return nil
	case grown < 0:
		if gone, ok := removed(old, cur); ok && ch.pullGone(path, gone, cur) {
			return nil
		}
	}
	if grown == 0 && f != nil && f.kind == kindSlice {
		return ch.positions(path, f, old, cur)
	}
	if ch.changed(path) {
		ch.set = appendRawElement(ch.set, path, now)
		ch.replace = append(ch.replace, path)
		ch.where, ch.bump = true, true
	}
	return nil
}

func (ch *changes) pushAt(path string, elems []bson.RawValue, position int) {
	if ch.changed(path) {
		ch.push = appendEach(slices.Grow(ch.push, eachBytes(path, elems)), path, elems, position)
		ch.bump = true
	}
}

// eachBytes is about what appendEach writes.
func eachBytes(path string, elems []bson.RawValue) int {
	n := len(path) + len("$each$position") + 6*len(emptyDoc)
	for _, e := range elems {
		n += len(e.Value) + 8
	}
	return n
}

// appendEach writes {path: {$each: [...]}}, with $position unless it is negative.
func appendEach(dst []byte, path string, elems []bson.RawValue, position int) []byte {
	idx, dst := bsoncore.AppendDocumentElementStart(dst, path)
	dst = appendList(dst, "$each", elems)
	if position >= 0 {
		dst = bsoncore.AppendInt32Element(dst, "$position", int32(position))
	}
	dst, _ = bsoncore.AppendDocumentEnd(dst, idx)
	return dst
}

func appendList(dst []byte, key string, elems []bson.RawValue) []byte {
	idx, dst := bsoncore.AppendArrayElementStart(dst, key)
	for i, e := range elems {
		dst = appendRawElement(dst, strconv.Itoa(i), e)
	}
	dst, _ = bsoncore.AppendArrayEnd(dst, idx)
	return dst
}

// removed returns the elements of old that cur lacks, if cur is old without them.
func removed(old, cur []bson.RawValue) ([]bson.RawValue, bool) {
	var gone []bson.RawValue
	k := 0
	for _, e := range old {
		if k < len(cur) && equalValues(e, cur[k]) {
			k++
			continue
		}
		gone = append(gone, e)
	}
	return gone, k == len(cur)
}

// pullGone removes elements by _id or, of scalars, by value, if that takes no other along.
func (ch *changes) pullGone(path string, gone, left []bson.RawValue) bool {
	ids := make([]bson.RawValue, 0, len(gone))
	scalars := true
	for _, e := range gone {
		switch e.Type {
		case bson.TypeEmbeddedDocument:
			scalars = false
			if id := lookup(e.Document(), "_id"); id.Type != 0 && id.Type != bson.TypeNull {
				ids = append(ids, id)
			}
		case bson.TypeArray:
			return false
		}
	}
	if !scalars && len(ids) != len(gone) {
		return false
	}
	for _, l := range left {
		for i := range gone {
			if scalars && sameScalar(l, gone[i]) {
				return false
			}
			if !scalars && (l.Type != bson.TypeEmbeddedDocument || equalValues(lookup(l.Document(), "_id"), ids[i])) {
				return false
			}
		}
	}
	if !ch.changed(path) {
		return true
	}
	ch.bump = true
	if scalars {
		ch.pullAll = appendList(ch.pullAll, path, gone)
		return true
	}
	var dst []byte
	outer, dst := bsoncore.AppendDocumentElementStart(dst, path)
	inner, dst := bsoncore.AppendDocumentElementStart(dst, "_id")
	dst = appendList(dst, "$in", ids)
	dst, _ = bsoncore.AppendDocumentEnd(dst, inner)
	dst, _ = bsoncore.AppendDocumentEnd(dst, outer)
	ch.pull = append(ch.pull, dst...)
	return true
}

// sameScalar tells whether $pullAll of one takes the other along: it compares numbers by value.
func sameScalar(a, b bson.RawValue) bool {
	if equalValues(a, b) {
		return true
	}
	x, okX := a.AsFloat64OK()
	y, okY := b.AsFloat64OK()
	return okX && okY && x == y
}

// positions sets elements one by one, going into documents.
func (ch *changes) positions(path string, f *field, old, cur []bson.RawValue) error {
	ch.where = true
	for i := range cur {
		if equalValues(old[i], cur[i]) {
			continue
		}
		at := path + "." + strconv.Itoa(i)
		if f.elem.holdsDocuments() && old[i].Type == bson.TypeEmbeddedDocument && cur[i].Type == bson.TypeEmbeddedDocument &&
			sameID(old[i], cur[i]) && f.elem.sameKind(old[i].Value, cur[i].Value) {
			if err := ch.document(at+".", f.elem.sub, old[i].Value, old[i].Value, cur[i].Value); err != nil {
				return err
			}
			continue
		}
		ch.setValue(at, cur[i])
	}
	return nil
}

func sameID(a, b bson.RawValue) bool {
	return equalValues(lookup(a.Document(), "_id"), lookup(b.Document(), "_id"))
}

// arrayForced handles an array that did not change, with a path below it marked.
func (ch *changes) arrayForced(path string, f *field, now bson.RawValue) error {
	cur, err := arrayElements(now)
	if err != nil || f == nil || f.elem == nil {
		return err
	}
	for i, e := range cur {
		at := path + "." + strconv.Itoa(i)
		switch {
		case !ch.forcedBelow(at):
		case e.Type == bson.TypeEmbeddedDocument && f.elem.holdsDocuments() && !ch.isForced(at):
			if err := ch.document(at+".", f.elem.sub, e.Value, e.Value, e.Value); err != nil {
				return err
			}
		default:
			ch.where = true
			ch.setValue(at, e)
		}
	}
	return nil
}

func (ch *changes) isForced(path string) bool {
	_, ok := ch.forced[path]
	return ok
}
