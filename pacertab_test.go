package smtpace

import "testing"

// A tab is neither given nor kept while a call waits, behind the end of the Pacer, and where
// observers want to see each call; one of an epoch that has ended is not kept.
func TestTabsOfAState(t *testing.T) {
	for name, tt := range map[string]struct {
		change      func(*tabs)
		given, kept bool
	}{
		"open":             {func(*tabs) {}, true, true},
		"observed":         {func(t *tabs) { t.off = true }, false, true},
		"a call waits":     {func(t *tabs) { t.wait(1) }, false, false},
		"none waits again": {func(t *tabs) { t.wait(1); t.wait(-1) }, true, true},
		"closed":           {func(t *tabs) { t.end(true) }, false, false},
		"another epoch":    {func(t *tabs) { t.end(false) }, true, false},
	} {
		var all tabs
		of, epoch := all.of("a.example", "a.example")
		made := &tab{of: of, epoch: epoch}
		tt.change(&all)
		if again, _ := all.of("a.example", "a.example"); (again != nil) != tt.given {
			t.Errorf("%s: given %v, want %v", name, again != nil, tt.given)
		}
		if kept := all.put(made); kept != tt.kept {
			t.Errorf("%s: kept %v, want %v", name, kept, tt.kept)
		}
	}
}
