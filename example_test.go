package smtpace_test

import (
	"context"
	"fmt"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// A message to three recipients, one of whom does not exist: the others get it,
// and the result says who did not, and why.
func ExampleSender_Send() {
	receiver := smtptest.NewServer(smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{
		Stage: smtptest.StageRcpt, Recipient: "gone@example.com",
		Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"},
	})})
	defer receiver.Close()

	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{
		{Addr: receiver.Addr, TLS: pool.TLSNone}, // in clear text, for a receiver on loopback
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()

	msg := mail.NewMsg()
	_ = msg.From("news@example.org")
	_ = msg.To("ann@example.com", "gone@example.com", "joe@example.net")
	msg.Subject("News")
	msg.SetBodyString(mail.TypeTextPlain, "Hello!")

	result, err := sender.SendMail(context.Background(), msg)
	for _, r := range result.Recipients {
		fmt.Println(r.Address, r.Status)
	}
	fmt.Println(err)
	// Output:
	// ann@example.com delivered
	// gone@example.com refused
	// joe@example.net delivered
	// smtpace: 1 of 3 recipients not delivered: gone@example.com refused: 550 5.1.1 no such user
}
