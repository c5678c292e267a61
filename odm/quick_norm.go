package odm

import (
	"bytes"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// quickNorm finds what T would write for a stored document without decoding it. That is
// possible when the stored fields are those of now, in the same order, and each has either
// the same bytes or a type of which there is only one way to write a value. It is not ok
// when that cannot be told.
func quickNorm(set *pathSet, base, now []byte) (bson.Raw, bool) {
	if len(base) < len(emptyDoc) || set.extra != nil {
		return nil, false
	}
	baseRest, nowRest := base[4:len(base)-1], now[4:len(now)-1]
	for len(nowRest) > 0 {
		if len(baseRest) == 0 {
			return nil, false
		}
		bk, bv, bmore, err := nextElement(baseRest)
		if err != nil {
			return nil, false
		}
		nk, nv, nmore, err := nextElement(nowRest)
		if err != nil || !bytes.Equal(bk, nk) || bv.Type != nv.Type {
			return nil, false
		}
		if !bytes.Equal(bv.Value, nv.Value) && !oneForm(set.get(string(nk)), bv, nv) {
			return nil, false
		}
		baseRest, nowRest = bmore, nmore
	}
	known := base[4 : len(base)-1-len(baseRest)]
	for len(baseRest) > 0 { // the rest may be what the struct does not know
		k, _, more, err := nextElement(baseRest)
		if err != nil || set.get(string(k)) != nil {
			return nil, false
		}
		baseRest = more
	}
	return document(known), true
}

// oneForm tells whether the stored value of a path is written as it is stored.
func oneForm(f *field, base, now bson.RawValue) bool {
	if f == nil {
		return false
	}
	switch f.kind {
	case kindString, kindBool, kindInt, kindFloat, kindTime, kindObjectID:
		return true // of the same BSON type as the present value, which T has written
	case kindStruct:
		norm, ok := quickNorm(f.sub, base.Value, now.Value)
		return ok && bytes.Equal(norm, base.Value)
	case kindSlice:
		return f.elem.kind == kindString && !f.elem.opt && allOf(base.Value, bson.TypeString)
	}
	return false
}

func allOf(array []byte, t bson.Type) bool {
	all := true
	_ = elements(array, func(_ []byte, v bson.RawValue) error {
		all = all && v.Type == t
		return nil
	})
	return all
}
