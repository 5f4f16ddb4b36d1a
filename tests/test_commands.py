"""The command line: every verb starts alone, old names lead to the new ones."""

import importlib
import shutil
import subprocess
import sys
import time

import pytest

from src.__main__ import VERBS
from src.common.startup import MOVED

# What may not be imported where a table, a check or a help text is asked for
HEAVY = ("tensorflow", "keras", "segmentation_models", "openvino")
LIGHT = (
    "evaluation.metrics",
    "figures.captions",
    "report",
    "runs",
    "submission.check",
    "submission.scoring",
    "experiments.results",
    "data.doctor",
    "project",
)
LIGHTEST = ("data.doctor", "project", "run", "submission.check")  # nor what takes another second
SLOW = ("sklearn", "scipy", "lark")


def run_python(*words):
    return subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True)


def test_tables_and_checks_need_no_tensorflow_and_the_doctor_no_statistics():
    code = "import sys\n"
    for modules, absent in ((LIGHTEST, SLOW), (LIGHT, HEAVY)):
        code += f"import {', '.join(f'src.{name}' for name in modules)}\n"
        code += f"print([name for name in {absent} if name in sys.modules])\n"
    assert run_python("-c", code).stdout == "[]\n[]\n"


def test_help_needs_no_library_at_all():
    code = "import sys\nfrom src.__main__ import main\n"
    code += f"for verb in {[verb for verb in VERBS if verb != 'run']}:\n"
    code += "    try:\n        main([verb, '--help'])\n"
    code += "    except SystemExit as end:\n        assert end.code == 0\n"
    code += f"assert not {{'numpy', 'pandas', *{HEAVY}}} & set(sys.modules)\n"
    begin = time.perf_counter()
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - begin < 10  # a second on a free machine


def test_the_command_line_lists_its_verbs(command):
    code, output, _ = command()
    assert code == 0 and all(f"  {verb} " in output for verb in VERBS)
    code, _, errors = command("inspect")
    assert code == 2 and "doctor" in errors and "found 'inspect'" in errors


@pytest.mark.parametrize("verb", ["run", "doctor"])
def test_an_interruption_is_said_in_a_word(verb, command, monkeypatch):
    def stop(arguments):
        raise KeyboardInterrupt

    module = importlib.import_module(f"src.commands.{verb}")
    monkeypatch.setattr(module, "run_unparsed" if verb == "run" else "run", stop)
    words = () if verb == "run" else ("Train",)
    assert command(verb, *words) == (130, "", "Interrupted.\n")


def test_output_that_nobody_reads_to_its_end_is_no_error(train_folder):
    words = [sys.executable, "-m", "src", "doctor", str(train_folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()  # as `head` does
        assert process.stderr.read() == ""


def test_a_file_where_a_folder_belongs_is_named(command, train_folder, tmp_path):
    (tmp_path / "ref").symlink_to(train_folder)
    (tmp_path / "res" / "data").mkdir(parents=True)
    answers = "image_path,pred_name,image_lvl_pred\n"
    for number in range(6):
        shutil.copy(train_folder / f"frame_00{number}_seg.png", tmp_path / "res" / "data" / f"{number}.png")
        answers += f"frame_00{number}.jpg,{number}.png,0\n"
    (tmp_path / "res" / "data.csv").write_text(answers)
    (tmp_path / "file").touch()
    for words in (("score", tmp_path), ("bundle",)):
        out = tmp_path / "file" / "out"
        more = ("--reference", train_folder) if words == ("bundle",) else ()
        code, _, errors = command(*words, out, *more)
        assert code == 2 and len(errors.splitlines()) == 1
        assert str(tmp_path / "file") in errors and "correct the path" in errors
    code, _, _ = command("bundle", tmp_path / "new" / "b.zip", "--reference", train_folder)
    assert code == 0 and (tmp_path / "new" / "b.zip").exists()


@pytest.mark.parametrize("name", ["src.doctor", "src.world", "src.scoring"])
def test_an_old_name_leads_to_the_new_one(name):
    done = run_python("-m", name, "Train")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"python -m {name} is now python -m src {MOVED[name]}" in done.stderr


def test_every_old_name_leads_to_a_verb():
    assert set(MOVED.values()) <= set(VERBS)
