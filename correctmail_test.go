package smtpace

import (
	"bytes"
	"testing"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// TestRefusalsWithoutFoundation: what MAIL cannot tell a server is no reason of a message.
func TestRefusalsWithoutFoundation(t *testing.T) {
	large, content := classify.ClassMessageTooLarge, classify.ClassContentRejected
	plain := bytes.Repeat([]byte("12345678901234\r\n"), 4096)
	for _, test := range []struct {
		name, from, to string
		body           []byte
		stage          classify.Stage
		class, want    classify.Class
		scope          classify.Scope
	}{
		{"small", "a@x.test", "b@y.test", plain, classify.StageMail, large, classify.ClassInsufficientStorage, classify.ScopeDestination},
		{"large", "a@x.test", "b@y.test", append(plain[:len(plain):len(plain)], ".\r\n"...), classify.StageMail, large, large, classify.ScopeMessage},
		{"small at the dot", "a@x.test", "b@y.test", plain, classify.StageDot, large, large, classify.ScopeMessage},
		{"plain", "a@x.test", "b@y.test", plain, classify.StageMail, content, classify.ClassUnknown, classify.ScopeSenderDomain},
		{"plain at the dot", "a@x.test", "b@y.test", plain, classify.StageDot, content, content, classify.ScopeMessage},
		{"8-bit", "a@x.test", "b@y.test", []byte("\xc3\xbc\r\n"), classify.StageMail, content, content, classify.ScopeMessage},
		{"an octet of 0x80", "a@x.test", "b@y.test", []byte("\x80\r\n"), classify.StageMail, content, content, classify.ScopeMessage},
		{"sender", "ä@x.test", "b@y.test", plain, classify.StageMail, content, content, classify.ScopeMessage},
		{"recipient", "a@x.test", "ö@y.test", plain, classify.StageMail, content, content, classify.ScopeMessage},
		{"another class", "a@x.test", "b@y.test", plain, classify.StageMail, classify.ClassPolicy, classify.ClassPolicy, classify.ScopeMessage},
	} {
		t.Run(test.name, func(t *testing.T) {
			body, err := pool.NewBody(test.body)
			if err != nil {
				t.Fatal(err)
			}
			of := pool.Answer{Stage: test.stage, Verdict: classify.Verdict{Class: test.class, Scope: classify.ScopeMessage, Rule: "a-rule"}}
			d := &pool.Delivery{From: test.from, To: []string{"c@y.test", test.to}, Body: body}
			answers := []pool.Answer{of, of}
			if correctMail(d, &pool.Report{Recipients: answers}); answers[0] != of {
				t.Errorf("changed to %+v, though nothing was sent", answers[0])
			}
			correctMail(d, &pool.Report{Recipients: answers, Ordinal: 1})
			want := classify.Verdict{Class: test.want, Scope: test.scope, Rule: "a-rule"}
			if answers[0].Verdict != want || answers[1].Verdict != want {
				t.Errorf("got %+v, want %+v", answers, want)
			}
		})
	}
}
