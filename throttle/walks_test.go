package throttle

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/smtpace/smtpace/internal/golden"
)

// A walk takes a small state of the control through events that are drawn, mostly at the
// bounds of its rules.
type walk struct {
	name  string
	steps int
	begin func(w *walker) (state any, step func() string)
}

// walker draws the events of a walk.
type walker struct {
	*rand.Rand
	now time.Time
}

// TestStatesStepByStep compares what each event changes in each small state with the
// tables in testdata/walks. Whoever changes a rule on purpose writes them anew with
//
//	go test ./throttle -run TestStatesStepByStep -update
//
// The difference that git diff prints then shows from which step on the rule matters.
func TestStatesStepByStep(t *testing.T) {
	skipWhereFloatsDiffer(t)
	for _, of := range slices.Concat(capWalks, rateWalks, suspicionWalks, sharedWalks) {
		t.Run(of.name, func(t *testing.T) {
			golden.Compare(t, "testdata/walks/"+of.name+".txt", newWalker(of.name).lines(of), true)
		})
	}
}

func skipWhereFloatsDiffer(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors round floating-point numbers in another way")
	}
}

// newWalker returns one that draws by the name of its walk, so that a change of one walk
// leaves the others.
func newWalker(name string) *walker {
	return &walker{rand.New(rand.NewPCG(uint64(len(name)), uint64(name[0]))), noon}
}

// lines returns a line for each step: the event, and the fields that it changes.
func (w *walker) lines(of walk) (lines []string) {
	state, step := of.begin(w)
	was := fields(state)
	for n := range of.steps {
		event := step()
		is := fields(state)
		lines = append(lines, fmt.Sprintf("%3d at %v: %s:%s", n, w.now.Sub(noon), event, changes(was, is)))
		was = is
	}
	return lines
}

// pass lets one of some times go by.
func (w *walker) pass(times ...time.Duration) { w.now = w.now.Add(pick(w, times...)) }

// ago returns a time before now.
func (w *walker) ago(times ...time.Duration) time.Time { return w.now.Add(-pick(w, times...)) }

func (w *walker) chance(percent int) bool { return w.IntN(100) < percent }

func pick[E any](w *walker, from ...E) E { return from[w.IntN(len(from))] }

// changes returns the fields that differ, in their order.
func changes(was, is [][2]string) string {
	before := map[string]string{}
	for _, f := range was {
		before[f[0]] = f[1]
	}
	var text strings.Builder
	for _, f := range is {
		if before[f[0]] != f[1] {
			fmt.Fprintf(&text, " %s=%s", f[0], f[1])
		}
		delete(before, f[0])
	}
	for _, f := range was {
		if _, left := before[f[0]]; left {
			text.WriteString(" no " + f[0])
		}
	}
	return text.String()
}

// fields returns the names and the values of what a pointer leads to.
func fields(state any) (list [][2]string) {
	var add func(name string, v reflect.Value)
	add = func(name string, v reflect.Value) {
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem() // fields without export too
		if text, ok := printed(v.Interface()); ok {
			list = append(list, [2]string{name, text})
			return
		}
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				add(strings.TrimPrefix(name+"."+v.Type().Field(i).Name, "."), v.Field(i))
			}
		case reflect.Pointer:
			if !v.IsNil() {
				add(name, v.Elem())
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				add(fmt.Sprintf("%s[%d]", name, i), v.Index(i))
			}
		default:
			list = append(list, [2]string{name, fmt.Sprint(v.Interface())})
		}
	}
	add("", reflect.ValueOf(state).Elem())
	return list
}

// printed returns the text of values that are no plain structures.
func printed(v any) (string, bool) {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return "-", true
		}
		return v.Sub(noon).String(), true
	case time.Duration:
		return v.String(), true
	case float64:
		return fmt.Sprintf("%.5g", v), true
	}
	return "", false
}
