package smtpace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

// What a function says of recipients in another spelling, or beside another error, is
// never taken for their acceptance.
func TestRecipientErrorsNameWhoWasRefused(t *testing.T) {
	gone := reply(550, "5.1.1 no such user")
	endless := &ring{}
	for name, test := range map[string]struct {
		err      error
		ann, bob Status
	}{
		"as given":               {RecipientErrors{"ann@example.com": gone}, Refused, Delivered},
		"in other case":          {RecipientErrors{"Ann@Example.COM": gone}, Refused, Delivered},
		"with brackets":          {RecipientErrors{"<ann@example.com>": gone}, Refused, Delivered},
		"with a display name":    {RecipientErrors{"Ann A. <ann@example.com>": gone}, Refused, Delivered},
		"wrapped":                {fmt.Errorf("api: %w", RecipientErrors{"ann@example.com": gone}), Refused, Delivered},
		"of another destination": {RecipientErrors{"cat@example.org": gone}, Delivered, Delivered},
		"of a stranger":          {RecipientErrors{"ann@example.net": gone}, Unknown, Unknown},
		"and a stranger":         {RecipientErrors{"ann@example.com": gone, "bo": gone}, Refused, Unknown},
		"joined with a loss":     {errors.Join(RecipientErrors{"ann@example.com": gone}, io.ErrUnexpectedEOF), Refused, Unknown},
		"joined with others":     {errors.Join(RecipientErrors{"ann@example.com": gone}, RecipientErrors{"bob@example.com": gone}), Refused, Refused},
		"not sent":               {NotSent(RecipientErrors{"ann@example.com": io.ErrUnexpectedEOF}), GaveUp, Delivered},
		"none":                   {RecipientErrors{}, Delivered, Delivered},
		"with an endless reason": {RecipientErrors{"ann@example.com": endless}, Unknown, Delivered},
		"endless":                {endless, Unknown, Unknown},
	} {
		paceTest(t, func(t *testing.T) {
			p := newPacer(t, PacerConfig{})
			var got *Result
			p.observer.Settled = func(r *Result) { got = r }
			_ = p.DoRequest(t.Context(), PaceRequest{To: []string{"ann@example.com", "bob@example.com", "cat@example.org"}}, func(_ context.Context, to []string) error {
				if to[0] == "cat@example.org" {
					return nil
				}
				return test.err
			})
			if ann, bob := got.Recipients[0].Status, got.Recipients[1].Status; ann != test.ann || bob != test.bob {
				t.Errorf("%s: got %v and %v, want %v and %v", name, ann, bob, test.ann, test.bob)
			}
			if cat := got.Recipients[2].Status; cat != Delivered {
				t.Errorf("%s: got %v for the other destination", name, cat)
			}
		})
	}
}

// A request may name domains, and an error another form of them.
func TestRecipientErrorsNameDomains(t *testing.T) {
	for _, name := range []string{"bücher.example", "Bücher.Example", "xn--bcher-kva.example.", "XN--BCHER-KVA.example"} {
		paceTest(t, func(t *testing.T) {
			p := newPacer(t, PacerConfig{})
			var got *Result
			p.observer.Settled = func(r *Result) { got = r }
			_ = p.DoRequest(t.Context(), PaceRequest{To: []string{"bücher.example"}}, func(context.Context, []string) error {
				return RecipientErrors{name: reply(550, "5.1.2 no such domain")}
			})
			if got.Recipients[0].Status != Refused {
				t.Errorf("%q: got %v, want refused", name, got.Recipients[0].Status)
			}
		})
	}
}

// ring is an error that wraps itself.
type ring struct{}

func (r *ring) Error() string { return "a ring" }
func (r *ring) Unwrap() error { return r }
