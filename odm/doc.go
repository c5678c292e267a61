// Package odm maps MongoDB documents to Go structs: models with schemas, documents that
// know what changed in them, queries, and transactions that keep documents right.
//
// A document is a struct that embeds its own [Doc]. A [Model] makes and finds documents;
// [Doc.Save] inserts them or sends what changed:
//
//	type Person struct {
//		odm.Doc[Person] `bson:"-"`
//		ID   bson.ObjectID `bson:"_id"`
//		Name string        `bson:"name" odm:"required,trim"`
//		Tags []string      `bson:"tags"`
//	}
//
//	people, err := odm.NewModel[Person](conn, "Person", odm.NewSchema[Person](odm.Timestamps()))
//	will, err := people.CreateOne(ctx, &Person{Name: "Will Riker"})
//	will.Tags = append(will.Tags, "captain")
//	err = will.Save(ctx) // {$push: {tags: {$each: ["captain"]}}, $inc: {__v: 1}}
//
// # Transactions
//
// The context carries the session, so every call with it takes part:
//
//	err = conn.Transaction(ctx, func(ctx context.Context) error {
//		a, err := accounts.FindByID(ctx, from)
//		if err != nil {
//			return err
//		}
//		a.Balance -= n
//		return a.Save(ctx)
//	})
//
// Before the callback is run again everything that the attempt did to documents is taken
// back, values included. After an abort documents are as before, except for what the
// callback assigned, which counts as modified again; [RestoreValues] takes that back too.
// A document from outside that the callback changes relative to its old value has to be
// given to [Enlist]; a retry that would change it twice fails with a [RetryUnsafeError].
//
// # What it keeps
//
// A loaded document keeps the bytes that it was loaded from. Save encodes the struct and
// compares the two, so there are no setters to call and nothing to generate. A document is
// used by one goroutine at a time; models and connections by any number.
//
// The package uses the official driver alone, and works with every server that it does.
package odm
