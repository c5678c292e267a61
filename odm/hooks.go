package odm

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// DocEvent is what document hooks are for.
type DocEvent uint8

// The events of documents. OnInit has post hooks only.
const (
	OnValidate DocEvent = iota
	OnSave
	OnDelete
	OnUpdate
	OnInit
	docEvents
)

// Op is an operation on a model, for query hooks.
type Op string

// The operations.
const (
	OpFind              Op = "find"
	OpFindOne           Op = "findOne"
	OpCount             Op = "countDocuments"
	OpEstimatedCount    Op = "estimatedDocumentCount"
	OpDistinct          Op = "distinct"
	OpUpdateOne         Op = "updateOne"
	OpUpdateMany        Op = "updateMany"
	OpReplaceOne        Op = "replaceOne"
	OpDeleteOne         Op = "deleteOne"
	OpDeleteMany        Op = "deleteMany"
	OpFindOneAndUpdate  Op = "findOneAndUpdate"
	OpFindOneAndReplace Op = "findOneAndReplace"
	OpFindOneAndDelete  Op = "findOneAndDelete"
	OpAggregate         Op = "aggregate"
	OpInsertMany        Op = "insertMany"
	OpBulkWrite         Op = "bulkWrite"
	OpCreateCollection  Op = "createCollection"
)

// Call is an operation that is about to run. Pre hooks may change what they see.
type Call struct {
	Model    string
	Op       Op
	Filter   bson.Raw // after casting
	Update   bson.Raw // or the replacement
	Pipeline []bson.Raw
	Result   any // for post hooks
}

type (
	docHook[T any]  func(ctx context.Context, doc *T) error
	docError[T any] func(ctx context.Context, doc *T, err error) error
	callHook        func(ctx context.Context, call *Call) error
)

// hooks are what a schema's users registered, in their order.
type hooks[T any] struct {
	pre, post [docEvents][]docHook[T]
	onError   [docEvents][]docError[T]
	preOp     map[Op][]callHook
	postOp    map[Op][]callHook
	errOp     map[Op][]func(ctx context.Context, call *Call, err error) error
}

// Pre runs fn before the event. An error stops the operation, ErrStop without an error.
func (s *Schema[T]) Pre(e DocEvent, fn func(ctx context.Context, doc *T) error) *Schema[T] {
	s.noteLate("Pre")
	s.hooks.pre[e] = append(s.hooks.pre[e], fn)
	return s
}

// Post runs fn after the event.
func (s *Schema[T]) Post(e DocEvent, fn func(ctx context.Context, doc *T) error) *Schema[T] {
	s.noteLate("Post")
	s.hooks.post[e] = append(s.hooks.post[e], fn)
	return s
}

// OnError runs fn when the event failed. It may replace the error; nil keeps it.
func (s *Schema[T]) OnError(e DocEvent, fn func(ctx context.Context, doc *T, err error) error) *Schema[T] {
	s.noteLate("OnError")
	s.hooks.onError[e] = append(s.hooks.onError[e], fn)
	return s
}

// PreOp runs fn before an operation on the model.
func (s *Schema[T]) PreOp(op Op, fn func(ctx context.Context, call *Call) error) *Schema[T] {
	s.noteLate("PreOp")
	if s.hooks.preOp == nil {
		s.hooks.preOp = map[Op][]callHook{}
	}
	s.hooks.preOp[op] = append(s.hooks.preOp[op], fn)
	return s
}

// PostOp runs fn after an operation on the model.
func (s *Schema[T]) PostOp(op Op, fn func(ctx context.Context, call *Call) error) *Schema[T] {
	s.noteLate("PostOp")
	if s.hooks.postOp == nil {
		s.hooks.postOp = map[Op][]callHook{}
	}
	s.hooks.postOp[op] = append(s.hooks.postOp[op], fn)
	return s
}

// OnOpError runs fn when an operation on the model failed. It may replace the error; nil keeps it.
func (s *Schema[T]) OnOpError(op Op, fn func(ctx context.Context, call *Call, err error) error) *Schema[T] {
	s.noteLate("OnOpError")
	if s.hooks.errOp == nil {
		s.hooks.errOp = map[Op][]func(context.Context, *Call, error) error{}
	}
	s.hooks.errOp[op] = append(s.hooks.errOp[op], fn)
	return s
}

// noteLate remembers a hook that no model will run: those that were compiled before it have
// copies of the hooks.
func (s *Schema[T]) noteLate(what string) {
	if s.frozen.Load() {
		s.late = append(s.late, fmt.Sprintf("%s was called after a model was made of the schema", what))
	}
}

// runDoc runs the hooks of one event around fn.
func (h *hooks[T]) runDoc(ctx context.Context, e DocEvent, table *pathSet, doc *T, fn func() error) error {
	err := h.pres(ctx, e, table, doc)
	if errors.Is(err, ErrStop) {
		return ErrStop
	}
	if err == nil {
		err = fn()
	}
	if err == nil {
		err = h.posts(ctx, e, table, doc)
	}
	return h.failed(ctx, e, doc, err)
}

// failed lets the error handlers see an error; they can replace it, not remove it.
func (h *hooks[T]) failed(ctx context.Context, e DocEvent, doc *T, err error) error {
	if err == nil || errors.Is(err, ErrStop) {
		return err
	}
	for _, f := range h.onError[e] {
		if other := f(ctx, doc, err); other != nil {
			err = other
		}
	}
	return err
}

func (h *hooks[T]) pres(ctx context.Context, e DocEvent, table *pathSet, doc *T) error {
	if table.hooked && e == OnSave { // the children's come before the parent's
		if err := walkHooks(ctx, reflect.ValueOf(doc).Elem(), table, e, true, false); err != nil {
			return err
		}
	}
	if err := table.methods.call(ctx, doc, e, true); err != nil {
		return err
	}
	for _, f := range h.pre[e] {
		if err := f(ctx, doc); err != nil {
			return err
		}
	}
	if table.hooked && e == OnValidate {
		return walkHooks(ctx, reflect.ValueOf(doc).Elem(), table, e, true, false)
	}
	return nil
}

func (h *hooks[T]) posts(ctx context.Context, e DocEvent, table *pathSet, doc *T) error {
	if table.hooked && e == OnValidate {
		if err := walkHooks(ctx, reflect.ValueOf(doc).Elem(), table, e, false, false); err != nil {
			return err
		}
	}
	if err := table.methods.call(ctx, doc, e, false); err != nil {
		return err
	}
	for _, f := range h.post[e] {
		if err := f(ctx, doc); err != nil {
			return err
		}
	}
	if table.hooked && (e == OnSave || e == OnInit) {
		return walkHooks(ctx, reflect.ValueOf(doc).Elem(), table, e, false, false)
	}
	return nil
}

// The hook methods that a document or sub-document may have.
type (
	beforeValidator interface {
		BeforeValidate(ctx context.Context) error
	}
	afterValidator interface {
		AfterValidate(ctx context.Context) error
	}
	beforeSaver interface {
		BeforeSave(ctx context.Context) error
	}
	afterSaver interface {
		AfterSave(ctx context.Context) error
	}
	beforeDeleter interface {
		BeforeDelete(ctx context.Context) error
	}
	afterDeleter interface {
		AfterDelete(ctx context.Context) error
	}
	afterIniter interface {
		AfterInit(ctx context.Context) error
	}
)

// hookMethods say which method belongs to which event.
var hookMethods = []struct {
	event DocEvent
	pre   bool
	typ   reflect.Type
	call  func(ctx context.Context, v any) error
}{
	{OnValidate, true, reflect.TypeFor[beforeValidator](), func(ctx context.Context, v any) error { return v.(beforeValidator).BeforeValidate(ctx) }},
	{OnValidate, false, reflect.TypeFor[afterValidator](), func(ctx context.Context, v any) error { return v.(afterValidator).AfterValidate(ctx) }},
	{OnSave, true, reflect.TypeFor[beforeSaver](), func(ctx context.Context, v any) error { return v.(beforeSaver).BeforeSave(ctx) }},
	{OnSave, false, reflect.TypeFor[afterSaver](), func(ctx context.Context, v any) error { return v.(afterSaver).AfterSave(ctx) }},
	{OnDelete, true, reflect.TypeFor[beforeDeleter](), func(ctx context.Context, v any) error { return v.(beforeDeleter).BeforeDelete(ctx) }},
	{OnDelete, false, reflect.TypeFor[afterDeleter](), func(ctx context.Context, v any) error { return v.(afterDeleter).AfterDelete(ctx) }},
	{OnInit, false, reflect.TypeFor[afterIniter](), func(ctx context.Context, v any) error { return v.(afterIniter).AfterInit(ctx) }},
}

// methodSet has a bit for each of hookMethods that a type has.
type methodSet uint8

func methodsOf(t reflect.Type) methodSet {
	var set methodSet
	for i, m := range hookMethods {
		if reflect.PointerTo(t).Implements(m.typ) {
			set |= 1 << i
		}
	}
	return set
}

// call calls the method for an event, if the type has it.
func (set methodSet) call(ctx context.Context, v any, e DocEvent, pre bool) error {
	if set == 0 {
		return nil
	}
	for i := range hookMethods {
		if m := &hookMethods[i]; set&(1<<i) != 0 && m.event == e && m.pre == pre {
			return m.call(ctx, v)
		}
	}
	return nil
}

// walkHooks calls the hook methods of what is below a struct; of the struct too if self.
func walkHooks(ctx context.Context, v reflect.Value, s *pathSet, e DocEvent, pre, self bool) error {
	for _, f := range s.fields {
		if f.hookedBelow() {
			if err := f.walkHooks(ctx, v.FieldByIndex(f.goIdx), e, pre); err != nil {
				return err
			}
		}
	}
	if self && v.CanAddr() {
		return s.methods.call(ctx, v.Addr().Interface(), e, pre)
	}
	return nil
}

func (f *field) hookedBelow() bool {
	for f.elem != nil {
		f = f.elem
	}
	return f.sub != nil && f.sub.hooked
}

func (f *field) walkHooks(ctx context.Context, v reflect.Value, e DocEvent, pre bool) error {
	v, ok := deref(v)
	if !ok {
		return nil
	}
	switch f.kind {
	case kindStruct:
		return walkHooks(ctx, v, f.sub, e, pre, true)
	case kindOneOf:
		if inner, set := f.variant(v); set != nil {
			return walkHooks(ctx, inner, set, e, pre, true)
		}
	case kindSlice:
		for i := range v.Len() {
			if err := f.elem.walkHooks(ctx, v.Index(i), e, pre); err != nil {
				return err
			}
		}
	}
	return nil
}

// runOp runs the hooks of an operation around fn, which leaves its result in the call.
func (h *hooks[T]) runOp(ctx context.Context, call *Call, fn func() error) error {
	err := runCallHooks(ctx, h.preOp[call.Op], call)
	if errors.Is(err, ErrStop) {
		return ErrStop
	}
	if err == nil {
		err = fn()
	}
	if err == nil {
		err = runCallHooks(ctx, h.postOp[call.Op], call)
	}
	if err == nil {
		return nil
	}
	for _, f := range h.errOp[call.Op] {
		if other := f(ctx, call, err); other != nil {
			err = other
		}
	}
	return err
}

func runCallHooks(ctx context.Context, fns []callHook, call *Call) error {
	for _, f := range fns {
		if err := f(ctx, call); err != nil {
			return err
		}
	}
	return nil
}

// clone copies the lists, so that hooks registered later do not reach a compiled model.
func (h *hooks[T]) clone() hooks[T] {
	c := *h
	for e := range docEvents {
		c.pre[e] = slices.Clone(h.pre[e])
		c.post[e] = slices.Clone(h.post[e])
		c.onError[e] = slices.Clone(h.onError[e])
	}
	c.preOp, c.postOp, c.errOp = cloneLists(h.preOp), cloneLists(h.postOp), cloneLists(h.errOp)
	return c
}

func cloneLists[F any](m map[Op][]F) map[Op][]F {
	c := make(map[Op][]F, len(m))
	for op, list := range m {
		c[op] = slices.Clone(list)
	}
	return c
}

// inherit puts the hooks of operations of another model before those of this one.
func (h *hooks[T]) inherit(pre, post map[Op][]callHook, onError map[Op][]func(ctx context.Context, call *Call, err error) error) {
	h.preOp, h.postOp, h.errOp = joinLists(pre, h.preOp), joinLists(post, h.postOp), joinLists(onError, h.errOp)
}

func joinLists[F any](first, then map[Op][]F) map[Op][]F {
	out := cloneLists(first)
	for op, list := range then {
		out[op] = append(out[op], list...)
	}
	return out
}
