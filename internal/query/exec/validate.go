package exec

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// validate checks a document against the collection's validator. old is the document it
// replaces, nil for an insert.
func (w *Writer) validate(c *catalog.Collection, old, doc bsonx.Doc) error {
	if c.Validator == nil || c.ValidationLevel == "off" || w.opts.BypassValidation {
		return nil
	}
	if w.valid != c {
		w.scope = expr.NewScope(&expr.Env{Collation: c.Collation})
		f, err := match.CompileFor(match.Validator, c.Validator, w.scope)
		if err != nil {
			return err
		}
		w.valid, w.checker = c, f
	}
	if ok, err := w.passes(doc); err != nil || ok {
		return err
	}
	if old != nil && c.ValidationLevel == "moderate" {
		if ok, err := w.passes(old); err != nil || !ok {
			return err // was invalid before, may stay so
		}
	}
	if c.ValidationAction == "warn" {
		if w.opts.Logf != nil {
			w.opts.Logf("document would fail validation: %s: %s", c.NS, bsonx.Format(doc.Lookup("_id")))
		}
		return nil
	}
	info := bsonx.NewBuilder(nil).Value("failingDocumentId", doc.Lookup("_id")).Doc("details", w.checker.Explain(doc)).Build()
	return mongoerr.New(mongoerr.DocumentValidationFailure, "Document failed validation").WithInfo(info)
}

func (w *Writer) passes(doc bsonx.Doc) (bool, error) {
	var c *expr.Context
	if w.checker.NeedsContext() {
		c = w.scope.NewContext()
	}
	return w.checker.Match(doc, c)
}
