import pytest

from wellhead.config import parse
from wellhead.core.errors import ConfigError
from wellhead.serve.protocol import protocol_of


@pytest.mark.parametrize("name", ["open_inference", "tensorflow_serving", "mlflow", "torchserve", "sagemaker"])
def test_the_config_names_the_protocol(name):
    assert protocol_of(parse(f'[model]\nprotocol = "{name}"')).name == name


def test_the_generic_protocol_takes_its_pointers():
    protocol = protocol_of(
        parse('[model]\nprotocol = "generic"\n[model.pointers]\npath = "/predict"\ninputs = "/x"\nscores = "/p"')
    )
    assert protocol.match("POST", "/predict") is not None


def test_an_unknown_protocol_says_what_was_meant():
    with pytest.raises(ConfigError, match="open_inference"):
        protocol_of(parse('[model]\nprotocol = "open_infrence"'))
