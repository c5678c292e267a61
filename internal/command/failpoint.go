package command

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/session"
)

// failCommand is the fail point of that name: it makes commands fail as tests ask for.
type failCommand struct {
	on atomic.Bool // while data is not nil, to be looked at without the mutex

	mu      sync.Mutex
	mode    failMode
	data    *failData // nil while off
	entered int64
	changed chan struct{} // closed when it is set anew; nil if nobody waits for that
}

// failMode says which of the matching commands are hit.
type failMode struct {
	times       int64 // how many still; negative for all
	skip        int64
	probability float64 // 0 for always
}

// failData is the parsed data of the fail point.
type failData struct {
	commands  []string
	all       bool
	appName   *string
	namespace string

	close        bool
	block        time.Duration
	code         *mongoerr.Code
	concernError bsonx.Doc
	labels       []string
	hasLabels    bool
}

// matches reports whether the fail point is meant for the command.
func (d *failData) matches(c *Call) bool {
	named := d.all
	for _, n := range d.commands {
		named = named || n == c.Spec.Name || slices.Contains(c.Spec.Aliases, n)
	}
	switch {
	case !named, c.Spec.Name == "configureFailPoint",
		d.appName != nil && *d.appName != c.appName(),
		d.namespace != "" && d.namespace != c.ns:
		return false
	}
	return d.concernError == nil || d.close || d.code != nil || c.Spec.Has(TakesConcern)
}

// appName returns the name of the application, also where this command is what brings it.
func (c *Call) appName() string {
	if name := c.Conn.AppName(); name != "" {
		return name
	}
	return c.Body.LookupPath("client", "application", "name").Str()
}

// take reports what hits the command, nil for nothing, and counts it.
func (f *failCommand) take(c *Call) *failData {
	if !f.on.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.data == nil || !f.data.matches(c) {
		return nil
	}
	return f.hit()
}

// takeAny is take of a fail point that asks for no command.
func (f *failCommand) takeAny() *failData {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.data == nil {
		return nil
	}
	return f.hit()
}

// hit decides by the mode. f.mu is held, and the fail point is not off.
func (f *failCommand) hit() *failData {
	d := f.data
	switch {
	case f.mode.skip > 0:
		f.mode.skip--
		return nil
	case f.mode.probability > 0 && rand.Float64() >= f.mode.probability:
		return nil
	case f.mode.times > 0:
		if f.mode.times--; f.mode.times == 0 {
			f.set(f.mode, nil)
		}
	}
	f.entered++
	return d
}

// set turns the fail point on, or off with nil, and lets those go on that it holds. f.mu is
// held.
func (f *failCommand) set(m failMode, d *failData) {
	f.mode, f.data = m, d
	f.on.Store(d != nil)
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// inject applies the fail point. It reports whether the command ends here without an error of
// its own.
func (s *Service) inject(ctx context.Context, c *Call) (stop bool, err error) {
	d := s.fail.command.take(c)
	if d == nil {
		return false, nil
	}
	if d.hasLabels {
		c.labels, c.forced = d.labels, true
	}
	if d.block > 0 {
		timer := time.NewTimer(d.block)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return true, context.Cause(ctx)
		case <-s.stop:
			return true, mongoerr.New(mongoerr.InterruptedAtShutdown, "interrupted at shutdown")
		}
	}
	switch {
	case d.close:
		c.action = ActionClose
		return true, nil
	case d.code != nil:
		return true, mongoerr.New(*d.code, "Failing command via 'failCommand' failpoint")
	}
	c.injected = d.concernError
	if c.injected == nil && d.hasLabels && d.block > 0 {
		c.labels, c.forced = nil, false // there is nothing to label
	}
	return false, nil
}

// injectWrite applies the fail point onPrimaryTransactionalWrite, which hits retryable writes:
// before they do anything, with an error, or afterwards, when only their reply is lost.
func (s *Service) injectWrite(c *Call) (stop bool, err error) {
	if c.kind != session.KindRetryable {
		return false, nil
	}
	d := s.fail.write.take(c)
	switch {
	case d == nil:
		return false, nil
	case d.code == nil:
		c.lost = d.close
		return false, nil
	case d.close:
		c.action = ActionClose
		return true, nil
	}
	return true, mongoerr.New(*d.code, "Failing a write via 'onPrimaryTransactionalWrite' failpoint")
}

// parseWriteFail reads the data of onPrimaryTransactionalWrite.
func parseWriteFail(data bsonx.Doc) (*failData, error) {
	d := &failData{all: true, close: true}
	for it := data.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return d, nil
		}
		switch key {
		case "closeConnection":
			d.close = v.Truthy()
		case "failBeforeCommitExceptionCode":
			n, whole := integer(v)
			if !whole {
				return nil, wrongType("onPrimaryTransactionalWrite."+key, v.Type, Number)
			}
			code := mongoerr.Code(n)
			d.code = &code
		default:
			return nil, unknownField("onPrimaryTransactionalWrite", key)
		}
	}
}

// injectError applies the fail points that do no more than fail a command: the one for getMore,
// and the one for commands with a time limit.
func (s *Service) injectError(c *Call) error {
	if d := s.fail.getMore.take(c); d != nil {
		return mongoerr.New(*d.code, "Hit the 'failGetMoreAfterCursorCheckout' failpoint")
	}
	if c.gen.maxTimeMS > 0 && !c.Spec.Has(OwnMaxTime) && s.fail.timed.take(c) != nil {
		return errMaxTime
	}
	return nil
}

// parseGetMoreFail reads the data of failGetMoreAfterCursorCheckout.
func parseGetMoreFail(data bsonx.Doc) (*failData, error) {
	code := mongoerr.InternalError
	for it := data.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			return &failData{commands: []string{"getMore"}, code: &code}, nil
		}
		n, whole := integer(v)
		if key != "errorCode" {
			return nil, unknownField("failGetMoreAfterCursorCheckout", key)
		}
		if !whole {
			return nil, wrongType("failGetMoreAfterCursorCheckout."+key, v.Type, Number)
		}
		code = mongoerr.Code(n)
	}
}

func parseFailMode(v bsonx.Value) (m failMode, off bool, err error) {
	m.times = -1
	switch v.Type {
	case bsonx.Missing:
		return m, false, mongoerr.New(mongoerr.IllegalOperation, "When setting a failpoint, you must supply a 'mode'")
	case bsonx.TypeString:
		switch v.Str() {
		case "off":
			return m, true, nil
		case "alwaysOn":
			return m, false, nil
		}
		return m, false, mongoerr.New(mongoerr.BadValue, "unknown mode: %s", v.Str())
	case bsonx.TypeDocument:
	default:
		return m, false, mongoerr.New(mongoerr.TypeMismatch, "'mode' must be a string or JSON object")
	}
	key, n, _ := v.Doc().First()
	i, whole := integer(n)
	switch key {
	case "times":
		if m.times = i; !whole || i < 0 {
			return m, false, mongoerr.New(mongoerr.BadValue, "'times' option to 'mode' must be positive")
		}
		return m, i == 0, nil
	case "skip":
		if m.skip = i; !whole || i < 0 {
			return m, false, mongoerr.New(mongoerr.BadValue, "'skip' option to 'mode' must be positive")
		}
	case "activationProbability":
		if n.Type != bsonx.TypeDouble && !whole {
			return m, false, mongoerr.New(mongoerr.TypeMismatch, "the 'activationProbability' option to 'mode' must be a number between 0 and 1")
		}
		m.probability = n.Double()
		if n.Type != bsonx.TypeDouble {
			m.probability = float64(i)
		}
		if m.probability < 0 || m.probability > 1 {
			return m, false, mongoerr.New(mongoerr.BadValue, "activationProbability must be between 0.0 and 1.0; found %v", m.probability)
		}
		return m, m.probability == 0, nil
	default:
		return m, false, mongoerr.New(mongoerr.BadValue, "'mode' must be one of 'off', 'alwaysOn', 'times', 'skip' and 'activationProbability'; found %s", key)
	}
	return m, false, nil
}

func parseFailData(data bsonx.Doc) (*failData, error) {
	data = data.Clone()
	d := &failData{}
	blockMS, hasBlockMS, block := int64(0), false, false
	for it := data.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		switch key {
		case "failCommands":
			d.commands = stringList(v)
		case "failAllCommands":
			d.all = v.Truthy()
		case "appName":
			name := v.Str()
			d.appName = &name
		case "namespace":
			d.namespace = v.Str()
		case "closeConnection":
			d.close = v.Truthy()
		case "blockConnection":
			block = v.Truthy()
		case "blockTimeMS":
			blockMS, hasBlockMS = integer(v)
		case "errorCode":
			n, whole := integer(v)
			if !whole {
				return nil, wrongType("failCommand.errorCode", v.Type, Number)
			}
			code := mongoerr.Code(n)
			d.code = &code
		case "writeConcernError":
			if v.Type != bsonx.TypeDocument {
				return nil, wrongType("failCommand.writeConcernError", v.Type, Object)
			}
			d.concernError = v.Doc()
		case "errorLabels":
			d.labels, d.hasLabels = stringList(v), true
		case "threadName", "failInternalCommands", "failLocalClients":
		case "errorExtraInfo", "tassert":
			return nil, mongoerr.New(mongoerr.FailPointSetFailed, "failCommand option '%s' is not supported", key)
		default:
			return nil, unknownField("failCommand", key)
		}
	}
	if block {
		if !hasBlockMS || blockMS < 0 {
			return nil, mongoerr.New(mongoerr.InvalidOptions, "must specify 'blockTimeMS' when 'blockConnection' is true")
		}
		d.block = time.Duration(blockMS) * time.Millisecond
	}
	return d, nil
}

func stringList(v bsonx.Value) []string {
	var list []string
	for it := v.Doc().Iter(); ; {
		_, e, ok := it.Next()
		if !ok {
			return list
		}
		list = append(list, e.Str())
	}
}
