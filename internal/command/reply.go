package command

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/wire"
)

// finish completes the reply: the handler's fields, or the error in their place, and what all
// replies have.
func (c *Call) finish(ctx context.Context, dst []byte, err error) []byte {
	out := session.Outcome{Kind: c.kind}
	b := c.Reply
	if err != nil {
		e := c.Service.asError(err)
		out.Code = e.Code
		c.Service.asserts.user.Add(1)
		out.Idle = c.executed && c.wrote == 0
		b.Reset(dst)
		appendError(b, e)
		c.appendConcernError(b, &out)
		c.appendLabels(b, &out, e.Labels)
	} else {
		c.appendConcernError(b, &out)
		c.appendLabels(b, &out, nil)
		b.Double("ok", 1)
	}
	if c.msg.OpCode == wire.OpQuery && c.Spec == nil {
		return b.Finish()
	}
	applied := c.Service.lastApplied(ctx)
	operation := max(c.wrote, applied)
	if c.wrote != 0 {
		operation = c.wrote
	}
	appendTimes(b, max(operation, c.rc.After), max(applied, storage.Timestamp(c.Service.clock.gossip.Load())))
	return b.Finish()
}

// appendError adds the fields of a failed command.
func appendError(b *bsonx.Builder, e *mongoerr.Error) {
	b.Double("ok", 0).
		String("errmsg", e.Message).
		Int32("code", int32(e.Code)).
		String("codeName", e.Code.Name())
	if e.Info != nil {
		b.Doc("errInfo", e.Info)
	}
	b.Append(e.Fields)
}

// appendConcernError adds the writeConcernError of a command that ran, or of a commit without its
// transaction, if there is one.
func (c *Call) appendConcernError(b *bsonx.Builder, out *session.Outcome) {
	if c.Spec == nil || !c.Spec.Has(TakesConcern) {
		return
	}
	if c.injected != nil && c.executed {
		code, _ := integer(c.injected.Lookup("code"))
		out.ConcernCode = mongoerr.Code(code)
		appendInjected(b, c.injected)
		return
	}
	// That there is no such transaction is to hold for as many members as asked for, too.
	lost := c.kind == session.KindCommit && out.Code == mongoerr.NoSuchTransaction
	e := c.wc.failure()
	if !c.wc.Given || e == nil || out.Code != 0 && !lost {
		return
	}
	out.ConcernCode = e.Code
	b.StartDoc("writeConcernError").
		Int32("code", int32(e.Code)).
		String("codeName", e.Code.Name()).
		String("errmsg", e.Message).
		Doc("errInfo", e.Info).
		End()
}

// appendInjected adds the writeConcernError of a fail point, with the code name if it has
// none.
func appendInjected(b *bsonx.Builder, d bsonx.Doc) {
	b.StartDoc("writeConcernError")
	code, ok := integer(d.Lookup("code"))
	hasName := !d.Lookup("codeName").IsMissing()
	for it := d.Iter(); ; {
		key, v, more := it.Next()
		if !more {
			break
		}
		b.Value(key, v)
		if key == "code" && ok && !hasName {
			b.String("codeName", mongoerr.Code(code).Name())
		}
	}
	b.End()
}

// appendLabels adds the error labels, if there are any.
func (c *Call) appendLabels(b *bsonx.Builder, out *session.Outcome, own []string) {
	labels := c.labels
	if !c.forced {
		labels = session.Labels(*out)
		for _, l := range own {
			labels = appendMissing(labels, l)
		}
	}
	if len(labels) > 0 {
		b.Strings("errorLabels", labels)
	}
}

func appendMissing(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// asError gives every error its code. One that nobody has given a meaning is a bug, which the
// log should show.
func (s *Service) asError(err error) *mongoerr.Error {
	if e, ok := errors.AsType[*mongoerr.Error](err); ok {
		return e
	}
	var conflict *storage.ConflictError
	switch {
	case errors.As(err, &conflict):
		return s.store.ConflictError(conflict)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return mongoerr.New(mongoerr.Interrupted, "operation was interrupted").WithCause(err)
	case errors.Is(err, storage.ErrClosed):
		return mongoerr.New(mongoerr.InterruptedAtShutdown, "interrupted at shutdown").WithCause(err)
	}
	s.asserts.internal.Add(1)
	s.logger.Error("internal error", slog.Any("error", err))
	return mongoerr.From(err)
}
