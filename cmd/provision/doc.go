// Command provision turns plain Linux hosts into Kubernetes data centers.
//
// It is the only place that wires catalogues, connections and views together;
// each verb is a file of its own.
package main
