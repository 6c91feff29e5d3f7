//go:build !unix

package main

func engineChild() int { return exitUsage }
