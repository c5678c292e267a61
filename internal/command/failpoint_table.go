package command

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// failPoints are the fail points of a server.
type failPoints struct {
	command, write, getMore, timed, creation, batchInsert failCommand
}

// failPointTable says what configureFailPoint can set.
var failPointTable = []struct {
	name  string
	point func(*failPoints) *failCommand
	parse func(data bsonx.Doc) (*failData, error)
}{
	{"failCommand", func(p *failPoints) *failCommand { return &p.command }, parseFailData},
	{"failGetMoreAfterCursorCheckout", func(p *failPoints) *failCommand { return &p.getMore }, parseGetMoreFail},
	{"hangDuringBatchInsert", func(p *failPoints) *failCommand { return &p.batchInsert }, parseHang},
	{"maxTimeAlwaysTimeOut", func(p *failPoints) *failCommand { return &p.timed }, noData("maxTimeAlwaysTimeOut")},
	{"onPrimaryTransactionalWrite", func(p *failPoints) *failCommand { return &p.write }, parseWriteFail},
	{"throwWCEDuringTxnCollCreate", func(p *failPoints) *failCommand { return &p.creation }, noData("throwWCEDuringTxnCollCreate")},
}

// failPoint finds the fail point that the first field names.
func (c *Call) failPoint() (*failCommand, func(bsonx.Doc) (*failData, error), error) {
	_, first, _ := c.Body.First()
	if first.Type != bsonx.TypeString {
		return nil, nil, wrongType(c.Spec.Name+"."+c.Spec.Name, first.Type, String)
	}
	for _, p := range failPointTable {
		if p.name == first.Str() {
			return p.point(&c.Service.fail), p.parse, nil
		}
	}
	return nil, nil, mongoerr.New(mongoerr.FailPointSetFailed, "%s not found", first.Str())
}

// cmdConfigureFailPoint sets a fail point. The count of its reply is how often the fail point was
// entered so far.
func cmdConfigureFailPoint(_ context.Context, c *Call) error {
	f, parse, err := c.failPoint()
	if err != nil {
		return err
	}
	mode, off, err := parseFailMode(c.Body.Lookup("mode"))
	if err != nil {
		return err
	}
	data, err := parse(c.Body.Lookup("data").Doc())
	if err != nil {
		return err
	}
	if off {
		data = nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c.Reply.Int64("count", f.entered)
	f.set(mode, data)
	return nil
}

// failPointPoll is how often waitForFailPoint looks.
const failPointPoll = 5 * time.Millisecond

// cmdWaitForFailPoint waits until a fail point was entered so often.
func cmdWaitForFailPoint(ctx context.Context, c *Call) error {
	f, _, err := c.failPoint()
	if err != nil {
		return err
	}
	want, ok := integer(c.Arg("timesEntered"))
	if !ok {
		return mongoerr.New(mongoerr.BadValue, "waitForFailPoint: 'timesEntered' is not a whole number")
	}
	tick := time.NewTicker(failPointPoll)
	defer tick.Stop()
	for f.count() < want {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.Service.stop:
			return mongoerr.New(mongoerr.InterruptedAtShutdown, "interrupted at shutdown")
		}
	}
	return nil
}

func (f *failCommand) count() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.entered
}

// hang holds the caller while the fail point is on, or until ctx ends, whose cause it returns.
func (f *failCommand) hang(ctx context.Context, stop <-chan struct{}) error {
	for {
		changed := f.hold()
		if changed == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-stop:
			return mongoerr.New(mongoerr.InterruptedAtShutdown, "interrupted at shutdown")
		}
	}
}

// hold returns what is closed when the fail point is set anew, nil if it is off.
func (f *failCommand) hold() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.data == nil || f.hit() == nil || f.data == nil {
		return nil
	}
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return f.changed
}

// parseHang reads the data of a fail point that holds commands. All can be interrupted.
func parseHang(data bsonx.Doc) (*failData, error) {
	for it := data.Iter(); ; {
		key, v, ok := it.Next()
		switch {
		case !ok:
			return &failData{all: true}, nil
		case key == "shouldCheckForInterrupt" && v.Truthy():
		default:
			return nil, unknownField("hangDuringBatchInsert", key)
		}
	}
}

// noData parses the data of a fail point that has none.
func noData(name string) func(bsonx.Doc) (*failData, error) {
	return func(data bsonx.Doc) (*failData, error) {
		if key, _, ok := data.First(); ok {
			return nil, unknownField(name, key)
		}
		return &failData{all: true}, nil
	}
}

// creationFault fails a creation inside a transaction as the fail point asks for.
func (s *Service) creationFault() error {
	if s.fail.creation.takeAny() == nil {
		return nil
	}
	return mongoerr.New(mongoerr.WriteConflict,
		"WriteConflict error: this operation conflicted with another operation: hit the 'throwWCEDuringTxnCollCreate' failpoint. Please retry your operation or multi-document transaction.")
}
