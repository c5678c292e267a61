package tandemtest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/tandemtest"
)

func Example() {
	// In a test, t is what the test function gets.
	var t testing.TB = new(printingT)
	defer t.(*printingT).finish()

	db := tandemtest.New(t)
	users := db.Database("app").Collection("users")
	ctx := context.Background()
	if _, err := users.InsertOne(ctx, bson.D{{Key: "_id", Value: "ann"}}); err != nil {
		t.Fatal(err)
	}
	fixtures := db.Snapshot()

	for _, name := range []string{"first", "second"} {
		db.Restore(fixtures)
		if _, err := users.InsertOne(ctx, bson.D{{Key: "_id", Value: "bob"}}); err != nil {
			t.Fatal(err)
		}
		n, err := users.CountDocuments(ctx, bson.D{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(name, "case:", n, "users")
	}
	// Output:
	// first case: 2 users
	// second case: 2 users
}

// printingT stands in for the *testing.T that an example does not have.
type printingT struct {
	testing.TB
	cleanups []func()
}

func (t *printingT) Helper()                      {}
func (t *printingT) Cleanup(f func())             { t.cleanups = append(t.cleanups, f) }
func (t *printingT) Errorf(f string, args ...any) { fmt.Printf(f+"\n", args...) }
func (t *printingT) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (t *printingT) Fatal(args ...any)            { panic(fmt.Sprint(args...)) }

func (t *printingT) finish() {
	for _, cleanup := range slices.Backward(t.cleanups) {
		cleanup()
	}
}
