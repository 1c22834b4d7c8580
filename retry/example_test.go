package retry_test

import (
	"context"
	"fmt"
	"net/textproto"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/retry"
)

func ExamplePolicy_Next() {
	policy, err := retry.New(retry.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := func(code int, text string) {
		v := classify.Of(classify.StageRcpt, classify.NewReply(code, text))
		delay, ok := policy.Next(v, 1, 0)
		shortest, longest := policy.Bounds(v.Class, 1)
		fmt.Println(v.Class, ok, delay >= shortest && delay <= longest)
	}
	ask(450, "4.2.0 Greylisted")
	ask(550, "5.1.1 User unknown")
	// Output:
	// greylisted true true
	// bad-mailbox false false
}

func ExampleDo() {
	policy, err := retry.New(retry.Config{Schedules: map[classify.Class]retry.Schedule{
		classify.ClassGreylisted: {First: time.Millisecond, Max: time.Millisecond},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	tries := 0
	err = retry.Do(context.Background(), policy, func(context.Context) error {
		if tries++; tries < 3 {
			return &textproto.Error{Code: 450, Msg: "4.2.0 Greylisted"} // as smtp.SendMail returns it
		}
		return nil
	})
	fmt.Println(tries, err)
	// Output: 3 <nil>
}
