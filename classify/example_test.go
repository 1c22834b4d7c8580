package classify_test

import (
	"fmt"
	"io"
	"net/textproto"

	"github.com/smtpace/smtpace/classify"
)

func ExampleOf() {
	show := func(stage classify.Stage, err error) {
		v := classify.Of(stage, err)
		fmt.Printf("%s: recipient %s, connection %s, limit %s\n", v.Class, v.Recipient, v.Connection, v.Limit)
	}
	show(classify.StageRcpt, &textproto.Error{Code: 550, Msg: "5.1.1 User unknown"})
	show(classify.StageMail, &textproto.Error{Code: 421, Msg: "4.7.0 too many connections from 192.0.2.1"})
	show(classify.StageMail, io.EOF)
	show(classify.StageDot, io.EOF)
	// Output:
	// bad-mailbox: recipient refused, connection keep, limit none
	// too-many-connections: recipient later, connection drop, limit connections
	// network: recipient later, connection drop, limit none
	// network: recipient ambiguous, connection drop, limit none
}

func ExampleNewReply() {
	r := classify.NewReply(450, "4.2.0 Greylisted,\n4.2.0 try again in 5 minutes")
	fmt.Println(r)
	fmt.Println(r.Enhanced, classify.Of(classify.StageRcpt, r).RetryAfter)
	// Output:
	// 450 4.2.0 Greylisted, try again in 5 minutes
	// 4.2.0 5m0s
}

func ExampleNew() {
	c, err := classify.New(classify.Rule{
		Name:     "acme-nap",
		Provider: "acme",
		Contains: []string{"taking a nap"},
		Class:    classify.ClassRateLimited,
		Matches:  []string{"550 5.7.1 We are taking a nap, too much at once"},
		Rejects:  []string{"550 5.7.1 No"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	reply, err := classify.ParseReply("550-5.7.1 We are taking a nap,\n550 5.7.1 come back in 5 minutes")
	if err != nil {
		fmt.Println(err)
		return
	}
	v := c.Of(classify.Input{Stage: classify.StageMail, Provider: "acme"}, reply)
	fmt.Printf("%s by %s: recipient %s, scope %s, in %v\n", v.Class, v.Rule, v.Recipient, v.Scope, v.RetryAfter)
	// Output:
	// rate-limited by acme-nap: recipient later, scope source-address, in 5m0s
}

func ExampleRule_Validate() {
	err := classify.Rule{Name: "Too fast", Codes: []int{450, 250}, Class: classify.ClassRateLimited}.Validate()
	fmt.Println(err)
	// Output:
	// classify: rule "Too fast": the name must be in kebab-case, as in "acme-too-fast"
	// classify: rule "Too fast": the codes must be from 400 to 599, or 4 or 5 for all that begin so, not 250
	// classify: rule "Too fast": the Matches and Rejects must have an example each, a reply that the rule is for and one that it is not for
}
