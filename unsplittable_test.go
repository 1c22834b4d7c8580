package smtpace

import (
	"strings"
	"testing"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// TestOneRecipientHasNoLimitOfRecipients: a refusal of too many at DATA or the dot names
// no limit when one recipient was left. Other limits, other stages and more recipients
// are left as they are.
func TestOneRecipientHasNoLimitOfRecipients(t *testing.T) {
	stated := classify.Stated{Count: 50}
	for _, stage := range []classify.Stage{classify.StageMail, classify.StageRcpt, classify.StageData, classify.StageBody, classify.StageDot, classify.StageRset} {
		for _, limit := range []classify.Limit{classify.LimitNone, classify.LimitMessageRate, classify.LimitQuota, classify.LimitRecipientsPerMessage} {
			for accepted := range 4 {
				r := pool.Report{Accepted: accepted, Recipients: []pool.Answer{{Stage: stage, Verdict: classify.Verdict{Limit: limit, Stated: stated}}}}
				unsplittable(&r)
				want := classify.Verdict{Limit: limit, Stated: stated}
				if limit == classify.LimitRecipientsPerMessage && accepted <= 1 && stage >= classify.StageData && stage <= classify.StageDot {
					want = classify.Verdict{}
				}
				if got := r.Recipients[0].Verdict; got != want {
					t.Errorf("%v at %s with %d accepted: got %+v, want %+v", limit, stage, accepted, got, want)
				}
			}
		}
	}
}

// TestCharactersThatNoCommandMayHave tells them from all others, next to them too.
func TestCharactersThatNoCommandMayHave(t *testing.T) {
	for text, want := range map[string]string{
		"a b": "", "a ü": "", "~ü": "", "\u00a0": "", "\u2027": "", "\u202a": "", "\u10ffff": "",
		"a\rb": "line break", "a\nb": "line break", "a\x1fb": "control character U+001F", "\x00": "control character U+0000", "\x7f": "control character U+007F",
		"\u0080": "control character U+0080", "\u009f": "control character U+009F", "\u2028": "U+2028", "\u2029": "U+2029", "\xff": "UTF-8",
	} {
		if got := forbidden(text); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
