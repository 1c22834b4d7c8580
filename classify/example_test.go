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
