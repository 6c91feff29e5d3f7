// Command compile turns ip-location-db's CSV of ASN ranges into a MaxMind DB file. Set-up
// calls it; see package asnmmdb.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/riskd-io/riskd/pkg/enrich/asnmmdb"
)

func main() {
	out := flag.String("out", "", "database to write; it is replaced in one step")
	date := flag.String("date", "", "date of the data, YYYY-MM-DD")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: compile -out asn.mmdb -date YYYY-MM-DD ranges.csv ...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*out, *date, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

func run(out, date string, paths []string) (err error) {
	if out == "" || len(paths) == 0 {
		return fmt.Errorf("-out and at least one CSV are required")
	}
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return fmt.Errorf("-date: %w", err)
	}
	var sources []asnmmdb.Source
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("opening the ranges: %w", err)
		}
		defer file.Close()
		sources = append(sources, asnmmdb.Source{Name: path, Reader: bufio.NewReaderSize(file, 1<<20)})
	}
	temp, err := os.CreateTemp(filepath.Dir(out), ".asn-*")
	if err != nil {
		return fmt.Errorf("creating the database: %w", err)
	}
	defer os.Remove(temp.Name()) // gone already after the rename
	defer temp.Close()
	buffered := bufio.NewWriterSize(temp, 1<<20)
	stats, err := asnmmdb.Compile(buffered, day, sources...)
	if err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("writing the database: %w", err)
	}
	if err := temp.Chmod(0o644); err != nil {
		return fmt.Errorf("writing the database: %w", err)
	}
	if err := temp.Close(); err != nil {
		return fmt.Errorf("writing the database: %w", err)
	}
	if err := os.Rename(temp.Name(), out); err != nil {
		return fmt.Errorf("putting the database in place: %w", err)
	}
	fmt.Printf("%d ranges, %d networks (%d reserved left out)\n", stats.Ranges, stats.Networks, stats.Skipped)
	return nil
}
