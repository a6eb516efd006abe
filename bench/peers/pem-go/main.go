// Decodes a PEM text from standard input with encoding/pem, as often as asked for, and prints what one
// certificate took in each round, in nanoseconds, one round a line.
package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

func main() {
	rounds, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	repeats, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	decode(text, repeats) // warm up
	for range rounds {
		start := time.Now()
		certificates := decode(text, repeats)
		fmt.Println(float64(time.Since(start).Nanoseconds()) / float64(certificates))
	}
}

func decode(text []byte, repeats int) int {
	certificates := 0
	for range repeats {
		for rest := text; ; {
			var block *pem.Block
			block, rest = pem.Decode(rest)
			if block == nil {
				break
			}
			certificates++
		}
	}
	return certificates
}
