package odm

import "go.mongodb.org/mongo-driver/v2/bson"

// Condition is a path in a query that waits for an operator.
type Condition[T any] struct {
	q    *Query[T]
	path string
}

// Where adds a condition on a path.
func (q *Query[T]) Where(path string) *Condition[T] { return &Condition[T]{q, q.m.pathOf(path)} }

func (c *Condition[T]) op(name string, v any) *Query[T] {
	return c.q.Filter(bson.D{{Key: c.path, Value: bson.D{{Key: name, Value: v}}}})
}

// Eq wants the value.
func (c *Condition[T]) Eq(v any) *Query[T] { return c.op("$eq", v) }

// Ne wants anything but the value.
func (c *Condition[T]) Ne(v any) *Query[T] { return c.op("$ne", v) }

// Gt wants more.
func (c *Condition[T]) Gt(v any) *Query[T] { return c.op("$gt", v) }

// Gte wants that much or more.
func (c *Condition[T]) Gte(v any) *Query[T] { return c.op("$gte", v) }

// Lt wants less.
func (c *Condition[T]) Lt(v any) *Query[T] { return c.op("$lt", v) }

// Lte wants that much or less.
func (c *Condition[T]) Lte(v any) *Query[T] { return c.op("$lte", v) }

// In wants one of the values.
func (c *Condition[T]) In(values ...any) *Query[T] { return c.op("$in", bson.A(values)) }

// Nin wants none of the values.
func (c *Condition[T]) Nin(values ...any) *Query[T] { return c.op("$nin", bson.A(values)) }

// All wants an array with all of the values.
func (c *Condition[T]) All(values ...any) *Query[T] { return c.op("$all", bson.A(values)) }

// Exists wants the path to be there, or not.
func (c *Condition[T]) Exists(yes bool) *Query[T] { return c.op("$exists", yes) }

// Size wants an array of that length.
func (c *Condition[T]) Size(n int) *Query[T] { return c.op("$size", n) }

// Regex wants a string that matches.
func (c *Condition[T]) Regex(pattern, opts string) *Query[T] {
	return c.q.Filter(bson.D{{Key: c.path, Value: bson.Regex{Pattern: pattern, Options: opts}}})
}

// ElemMatch wants an array with an element that matches.
func (c *Condition[T]) ElemMatch(filter bson.D) *Query[T] { return c.op("$elemMatch", filter) }

// Or wants one of the filters to match.
func (q *Query[T]) Or(filters ...bson.D) *Query[T] {
	return q.Filter(bson.D{{Key: "$or", Value: filters}})
}

// Nor wants none of the filters to match.
func (q *Query[T]) Nor(filters ...bson.D) *Query[T] {
	return q.Filter(bson.D{{Key: "$nor", Value: filters}})
}
