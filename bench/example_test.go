package main

import "os"

func Example_report() {
	rep := newReport([]row{{name: goMailKept}, {name: goalRow}}, []cell{near, far})
	rep.figure(goMailKept, near).rates = []float64{9_100, 8_000, 9_200}
	rep.figure(goMailKept, far).rates = []float64{27.1}
	rep.figure(goalRow, near).rates = []float64{36_400}
	rep.figure(goalRow, far).rates = []float64{186.9}
	rep.table(os.Stdout)
	// Output:
	// | messages per second | 1 KiB, 1 rcpt, 0 ms | 1 KiB, 1 rcpt, 20 ms |
	// | --- | ---: | ---: |
	// | go-mail, kept connections | 9,100 (4.00x) | 27.1 (6.90x) |
	// | smtpace, rendered messages | 36,400 | 187 |
	//
	// In brackets: how many times that rate smtpace reaches with rendered messages.
}
