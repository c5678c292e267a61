package odm

import (
	"context"
	"reflect"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// updateCheck is what RunValidators does with the paths of an operator. Operators without
// one are not checked, as their operand says little of the value that comes out.
type updateCheck func(v *validation, f *field, path string, operand bson.RawValue)

var updateChecks = map[string]updateCheck{
	"$set":         (*validation).value,
	"$setOnInsert": (*validation).value,
	"$unset":       (*validation).unset,
	"$push":        (*validation).added,
	"$addToSet":    (*validation).added,
	"$pull":        (*validation).pulled,
}

// validateUpdate checks the operands of an update that was cast.
func (m *Model[T]) validateUpdate(ctx context.Context, update bson.Raw) error {
	v := validation{ctx: ctx}
	for _, op := range listElements(update) {
		check := updateChecks[op.key]
		if check == nil || op.v.Type != bson.TypeEmbeddedDocument {
			continue
		}
		for _, e := range listElements(op.v.Value) {
			if f := m.table.find(e.key); f != nil {
				check(&v, f, e.key, e.v)
			}
		}
	}
	return v.failed(m.name)
}

// value validates what a path gets.
func (v *validation) value(f *field, path string, operand bson.RawValue) {
	fv := reflect.New(f.typ)
	if operand.Unmarshal(fv.Interface()) == nil {
		v.field(f, fv.Elem(), path)
	}
}

func (v *validation) unset(f *field, path string, _ bson.RawValue) {
	v.field(f, reflect.New(f.typ).Elem(), path)
}

// added validates new elements of an array, with the rules of the array that are for its
// elements; not the array, of which the update does not know the rest.
func (v *validation) added(f *field, path string, operand bson.RawValue) {
	if f.kind != kindSlice {
		return
	}
	list := []bson.RawValue{operand}
	if operand.Type == bson.TypeEmbeddedDocument && hasOperators(operand.Value) {
		each := lookup(operand.Value, "$each")
		if each.Type != bson.TypeArray {
			return
		}
		var err error
		if list, err = arrayElements(each); err != nil {
			return
		}
	}
	for _, raw := range list {
		fv := reflect.New(f.elem.typ)
		if raw.Unmarshal(fv.Interface()) != nil {
			continue
		}
		v.elementRules(f, fv.Elem(), path)
		v.field(f.elem, fv.Elem(), path)
	}
}

// pulled validates the values that the condition of a $pull names.
func (v *validation) pulled(f *field, path string, operand bson.RawValue) {
	if f.kind != kindSlice || f.elem.sub == nil || operand.Type != bson.TypeEmbeddedDocument || hasOperators(operand.Value) {
		return
	}
	for _, e := range listElements(operand.Value) {
		inner, at := f.elem.sub.find(e.key), path+"."+e.key
		if inner == nil {
			continue
		}
		if e.v.Type != bson.TypeEmbeddedDocument {
			v.value(inner, at, e.v)
			continue
		}
		if in, _ := findElement(e.v.Value, []byte("$in")); in.Type == bson.TypeArray {
			for i, x := range listElements(in.Value) {
				v.value(inner, at+".$in."+strconv.Itoa(i), x.v)
			}
		}
	}
}
