"""Tests that a newcomer can run by name, and the little server they run against.

python -m loadgrpc.examples                     a whole demonstration, in half a minute
python -m loadgrpc.examples.server              the server alone, on 127.0.0.1:9000
loadgrpc run loadgrpc.examples.demo.TestDemo.test_browse -u 10 -i 20
python -m unittest loadgrpc.examples.demo       the same tests, once, as functional tests
"""
