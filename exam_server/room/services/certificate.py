"""What a person is shown about a package file that holds: facts, digests and who signed."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exam_core.formats.package_manifest import Manifest
from exam_core.formats.paper_package import PaperPackage, verify_package
from exam_core.formats.trust_root import OFFICES_ZH, TrustRoot, fingerprint
from exam_server.folder import FileSource

_MIB = 1024 * 1024
_LOCAL = dt.timezone(dt.timedelta(hours=8), "北京时间")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A package that was verified, whole, by this root."""

    package: PaperPackage
    root: TrustRoot

    def facts(self) -> dict[str, Any]:
        """All of it for a script."""
        manifest = self.package.manifest
        return {
            "valid": True,
            "title": manifest.title,
            "exam_id": manifest.exam_id,
            "sitting_id": manifest.sitting_id,
            "paper_id": manifest.paper_id,
            "sequence": manifest.sequence,
            "duration_ms": manifest.duration_ms,
            "not_before_utc_ms": manifest.not_before_utc_ms,
            "min_program": manifest.min_program,
            "forms": manifest.total_forms,
            "images": len(manifest.images()),
            "results_recipients": list(manifest.results_recipients),
            "bytes": self.package.source.size,
            "package_sha256": self.package.sha256,
            "manifest_sha256": self.package.manifest_sha256,
            "signers": [
                {"office": str(signer.office), "key_id": signer.key_id}
                for signer in self.package.signers
            ],
            "root_version": self.root.version,
            "root_fingerprint": fingerprint(self.root),
        }

    def text(self) -> str:
        """All of it for a person, to be printed and kept."""
        manifest, package = self.package.manifest, self.package
        lines = [
            ("结论", "有效：签名足够，全部内容与签名清单一致"),
            ("标题", manifest.title),
            ("考试", manifest.exam_id),
            ("场次", manifest.sitting_id),
            ("试卷", manifest.paper_id),
            ("制包序号", str(manifest.sequence)),
            ("考试时长", f"{manifest.duration_ms / 60_000:g} 分钟"),
            ("计划开考", _planned(manifest)),
            ("程序版本", f"不低于 {manifest.min_program}"),
            ("内容", f"{manifest.total_forms} 卷，{len(manifest.images())} 张图片"),
            ("文件大小", f"{package.source.size} 字节（{package.source.size / _MIB:.1f} MiB）"),
            ("文件摘要", _grouped(package.sha256)),
            ("清单摘要", _grouped(package.manifest_sha256)),
        ]
        lines += [
            (f"{OFFICES_ZH[signer.office]}签名", f"有效，密钥 {_grouped(signer.key_id)}")
            for signer in package.signers
        ]
        lines += [("结果接收", recipient) for recipient in manifest.results_recipients]
        root = self.root
        lines += [
            ("信任根", f"第 {root.version} 版，须 {root.threshold} 人签名（命题、审批至少各一）"),
            ("信任根指纹", fingerprint(root)),
        ]
        body = "\n".join(f"  {name}　{value}" for name, value in lines)
        return f"试卷包验收单\n{body}\n请将信任根指纹与书面下发的指纹逐组核对。"


def certify(
    file: Path, root: TrustRoot, on_progress: Callable[[int], None] = lambda _bytes: None
) -> Certificate:
    """Verify a package file, whole; a mebibyte of it is in memory at a time.

    Raises:
        InputError: `file.unreadable`, `package.*`, `signature.*`.
        IntegrityError: `package.altered`, `signature.*`.
    """
    source = FileSource(file, name="试卷包")
    return Certificate(package=verify_package(source, root, on_progress=on_progress), root=root)


def _planned(manifest: Manifest) -> str:
    if manifest.not_before_utc_ms is None:
        return "未写明"
    planned = dt.datetime.fromtimestamp(manifest.not_before_utc_ms / 1000, _LOCAL)
    return f"{planned:%Y-%m-%d %H:%M}（北京时间，仅作提醒）"


def _grouped(digest: str) -> str:
    return " ".join(digest[at : at + 8] for at in range(0, len(digest), 8))
