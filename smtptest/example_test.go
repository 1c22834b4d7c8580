package smtptest_test

import (
	"fmt"
	"net/smtp"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// A receiver that takes two messages a minute, and does not know one mailbox.
func Example() {
	srv := smtptest.NewServer(smtptest.Config{
		Limits: smtptest.Limits{MessageRate: smtptest.Rate{Count: 2, Per: time.Minute, Window: true}},
		Fault: smtptest.Rules(smtptest.Rule{
			Stage: smtptest.StageRcpt, Recipient: "nobody@example.org",
			Fault: smtptest.Fault{Reply: "550 5.1.1 No such user"},
		}),
	})
	defer srv.Close()

	for _, to := range []string{"anna@example.org", "nobody@example.org", "ben@example.org"} {
		err := smtp.SendMail(srv.Addr, nil, "news@example.com", []string{to}, []byte("Subject: hello\r\n\r\nHello.\r\n"))
		fmt.Println(to, err)
	}
	for _, m := range srv.Messages() {
		fmt.Println("accepted for", m.To())
	}
	fmt.Println("refused by a limit:", srv.Stats().Throttled)
	// Output:
	// anna@example.org <nil>
	// nobody@example.org 550 "5.1.1 No such user"
	// ben@example.org 450 "4.7.1 Error: too much mail from 127.0.0.1"
	// accepted for [anna@example.org]
	// refused by a limit: 1
}
