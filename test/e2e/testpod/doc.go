// Command testpod is what the journeys run in pods and on hosts: a server that
// says who it is, and probes that a minimal host has no program for.
package main
